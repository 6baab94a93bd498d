package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	plane "gridmq/control/client"
	"gridmq/server/deadletters"
)

func newDeadLettersShowCmd() *cobra.Command {
	var l letterFlags
	var output string
	var most int
	cmd := &cobra.Command{
		Use:   "show [TOPIC[/SUBSCRIPTION]]",
		Short: "Show dead letters, the newest first",
		Long:  "Show dead letters, the newest first: why, how often it was tried, and the event.\n\n" + deadLettersHelp,
		Example: `  gridmq dead-letters show orders/billing
  gridmq dead-letters show orders -n shop --max 1000 -o json | jq -r .event.id`,
		Args: cobra.MaximumNArgs(1),
	}
	l.register(cmd)
	outputFlag(cmd, &output, "text", "json")
	cmd.Flags().IntVar(&most, "max", 20, "how `many` at most")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkOutput(output, "text", "json"); err != nil {
			return err
		}
		if most < 1 {
			return fmt.Errorf("--max %d: want 1 or more", most)
		}
		if l.account != "" {
			return l.away(args, func(ctx context.Context, cmd *cobra.Command, namespace string, p plane.DeadLetterPlace) error {
				return l.showAway(ctx, cmd, namespace, p, most, output)
			})(cmd, args)
		}
		return l.run(l.showAll(most, output))(cmd, args)
	}
	return cmd
}

// showAll prints letters of the folder, the newest first.
func (l *letterFlags) showAll(left int, output string) func(context.Context, *cobra.Command, *deadletters.Folder, []deadletters.File) error {
	return func(ctx context.Context, cmd *cobra.Command, f *deadletters.Folder, files []deadletters.File) error {
		for _, file := range slices.Backward(files) {
			shown, more, err := l.show(ctx, cmd, f.Read, file, left, output)
			if err != nil {
				return err
			}
			if left -= shown; more {
				fmt.Fprintln(cmd.ErrOrStderr(), "there are more: --max")
				return nil
			}
		}
		return nil
	}
}

// atOnce bounds the events of a file that are in memory, in bytes.
const atOnce = 8 << 20

// show prints letters of a file, the newest first, and says whether it has more than most.
func (l *letterFlags) show(ctx context.Context, cmd *cobra.Command, r deadletters.Reader, file deadletters.File, most int, output string) (shown int, more bool, err error) {
	for before := -1; before != 0; {
		t, err := r.Newest(ctx, file, before, max(1, most-shown), atOnce)
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return shown, false, cause
			}
			l.unreadable(cmd.ErrOrStderr(), err)
			return shown, false, nil
		}
		for _, letter := range slices.Backward(t.Letters) {
			if shown == most {
				return shown, true, nil
			}
			shown++
			if err := printLetter(cmd.OutOrStdout(), output, file, letter); err != nil {
				return shown, false, err
			}
		}
		before = t.First
	}
	return shown, false, nil
}

func printLetter(out io.Writer, output string, file deadletters.File, l deadletters.Letter) error {
	if output == "json" {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		whole := map[string]any{"file": file.Path, "namespace": file.Namespace, "topic": file.Topic, "subscription": file.Subscription,
			"reason": l.Reason, "result": l.Result, "attempts": l.Attempts, "published": l.Published, "event": l.Event}
		if l.LastAttempt != "" {
			whole["lastAttempt"] = l.LastAttempt
		}
		if l.Properties != nil {
			whole["customDeliveryProperties"] = l.Properties
		}
		return enc.Encode(whole)
	}
	attempts := "1 attempt"
	if l.Attempts != 1 {
		attempts = strconv.Itoa(l.Attempts) + " attempts"
	}
	fmt.Fprintf(out, "%s/%s in %s: %s\n", printableText(file.Topic, widest), printableText(file.Subscription, widest),
		printableText(file.Namespace, widest), printableText(l.Reason, 200))
	fmt.Fprintf(out, "  published %s, %s, the last: %s %s\n", printableText(cmp.Or(l.Published, "-"), 40), attempts,
		printableText(cmp.Or(l.LastAttempt, "none"), 40), printableText(l.Result, 200))
	if l.Properties != nil {
		fmt.Fprintf(out, "  headers %s\n", printableText(string(l.Properties), widestData))
	}
	fmt.Fprintf(out, "  %s\n", printableText(file.Path, widestLast))
	return printEvent(out, l.Event, 0)
}
