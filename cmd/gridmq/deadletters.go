package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gridmq/server/deadletters"
)

const deadLettersHelp = `Dead letters are events that an event subscription rejected, did not take often enough
or not in time, and that has a dead-letter destination. The broker writes them into
deadletter in its data directory (--data); --folder names another one. They are read from
there, without the broker, by whoever may read its files.`

func newDeadLettersCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead-letters",
		Short: "List the events that were not delivered, show them, publish them again",
		Long:  "List dead letters, show them, publish them again.\n\n" + deadLettersHelp,
		Example: `  gridmq dead-letters list
  gridmq dead-letters show orders/billing
  gridmq dead-letters replay orders/billing --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDeadLettersListCmd(), newDeadLettersShowCmd(), newDeadLettersReplayCmd())
	return cmd
}

// letterFlags say which letters.
type letterFlags struct {
	folder          string
	data, namespace string // with --folder: data does not count
	skipped         int
}

func (l *letterFlags) register(f *pflag.FlagSet) {
	l.registerFolder(f)
	f.StringVar(&l.data, "data", ourData(), "data `directory` of a broker on this machine")
	f.StringVarP(&l.namespace, "namespace", "n", "", "`namespace` (default: all)")
}

func (l *letterFlags) registerFolder(f *pflag.FlagSet) {
	f.StringVar(&l.folder, "folder", "", "`folder` with dead letters (default: deadletter in --data)")
}

// open opens the folder; nil: there is none, and so no letters.
func (l *letterFlags) open() (*deadletters.Folder, error) {
	dir := cmp.Or(l.folder, filepath.Join(l.data, "deadletter"))
	f, err := deadletters.Open(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && l.folder == "" && exists(l.data):
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no folder %s: name the data directory of the broker with --data, or a folder with --folder", dir)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w\n  only the user that runs the broker may read it", err)
	}
	return f, err
}

// place reads TOPIC or TOPIC/SUBSCRIPTION, if it is given.
func (l *letterFlags) place(args []string) (deadletters.Place, error) {
	p := deadletters.Place{Namespace: l.namespace}
	if len(args) == 0 {
		return p, nil
	}
	topic, subscription, found := strings.Cut(args[0], "/")
	if topic == "" || found && subscription == "" || strings.Contains(subscription, "/") {
		return p, fmt.Errorf("%q: want TOPIC or TOPIC/SUBSCRIPTION, as orders/billing", args[0])
	}
	p.Topic, p.Subscription = topic, subscription
	return p, nil
}

// skip tells what is left out, the first of it.
func (l *letterFlags) skip(w io.Writer, err error) {
	const most = 20
	if l.skipped++; l.skipped <= most {
		fmt.Fprintln(w, "left out:", printableText(err.Error(), widestLast))
	}
}

func (l *letterFlags) tellSkipped(w io.Writer) {
	if l.skipped > 0 {
		fmt.Fprintf(w, "left out in all: %d\n", l.skipped)
	}
}

// run wraps what a command does with the files it is about, the oldest first.
func (l *letterFlags) run(do func(ctx context.Context, cmd *cobra.Command, f *deadletters.Folder, files []deadletters.File) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		p, err := l.place(args)
		if err != nil {
			return err
		}
		f, err := l.open()
		if err != nil {
			return err
		}
		var files []deadletters.File
		if f != nil {
			defer f.Close()
			if files, err = f.Files(ctx, p, func(s *deadletters.Skipped) { l.skip(cmd.ErrOrStderr(), s) }); err != nil {
				return err
			}
		}
		defer l.tellSkipped(cmd.ErrOrStderr())
		if len(files) == 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), "there are no dead letters")
		}
		return do(ctx, cmd, f, files)
	}
}

// unreadable tells of a file that cannot be read, and is left out.
func (l *letterFlags) unreadable(w io.Writer, err error) {
	if !errors.Is(err, fs.ErrNotExist) { // else somebody else has set it aside
		l.skip(w, err)
	}
}

// A heap of letters is a row of the list.
type letterHeap struct {
	Namespace    string    `json:"namespace"`
	Topic        string    `json:"topic"`
	Subscription string    `json:"subscription"`
	Reason       string    `json:"reason"`
	Events       int       `json:"events"`
	Files        int       `json:"files"`
	From         time.Time `json:"from"` // hours
	To           time.Time `json:"to"`
}

func newDeadLettersListCmd() *cobra.Command {
	var l letterFlags
	var output string
	cmd := &cobra.Command{
		Use:   "list [TOPIC[/SUBSCRIPTION]]",
		Short: "Count dead letters by event subscription and reason",
		Long:  "Count dead letters by event subscription and reason, with the hours in which they were\nwritten.\n\n" + deadLettersHelp,
		Example: `  gridmq dead-letters list
  gridmq dead-letters list orders -n shop -o json`,
		Args: cobra.MaximumNArgs(1),
	}
	l.register(cmd.Flags())
	outputFlag(cmd, &output, "table", "json")
	cmd.RunE = l.run(func(ctx context.Context, cmd *cobra.Command, f *deadletters.Folder, files []deadletters.File) error {
		if err := checkOutput(output, "table", "json"); err != nil {
			return err
		}
		heaps, err := l.heaps(ctx, cmd.ErrOrStderr(), f, files)
		if err != nil {
			return err
		}
		if output == "json" {
			return printJSON(cmd, orEmpty(heaps))
		}
		if len(heaps) == 0 {
			return nil
		}
		t := newTable(cmd.OutOrStdout())
		t.row("NAMESPACE", "TOPIC", "SUBSCRIPTION", "EVENTS", "FILES", "FROM", "TO", "REASON")
		for _, h := range heaps {
			t.row(h.Namespace, h.Topic, h.Subscription, strconv.Itoa(h.Events), strconv.Itoa(h.Files), instant(h.From), instant(h.To), h.Reason)
		}
		return t.flush()
	})
	return cmd
}

// maxHeaps bounds the rows: reasons are texts from a file.
const maxHeaps = 10_000

var errTooManyHeaps = fmt.Errorf("more than %d reasons: name a TOPIC/SUBSCRIPTION", maxHeaps)

func (l *letterFlags) heaps(ctx context.Context, stderr io.Writer, f *deadletters.Folder, files []deadletters.File) ([]letterHeap, error) {
	type key struct{ namespace, topic, subscription, reason string }
	all := map[key]*letterHeap{}
	stderr = &lockedWriter{w: stderr}
	var done progressCount
	stop := showProgress(stderr, func() string { return done.say(len(files), "files read") })
	defer stop()
	for _, file := range files {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		reasons := map[string]int{}
		err := f.Read(ctx, file, func(letter deadletters.Letter) error {
			if reasons[printableText(letter.Reason, widest)]++; len(reasons) > maxHeaps {
				return errTooManyHeaps
			}
			return nil
		})
		switch {
		case errors.Is(err, errTooManyHeaps) || context.Cause(ctx) != nil:
			return nil, cmp.Or(context.Cause(ctx), err)
		case err != nil:
			l.unreadable(stderr, err)
			reasons = nil
		}
		for reason, events := range reasons {
			k := key{file.Namespace, file.Topic, file.Subscription, reason}
			h := all[k]
			if h == nil {
				if len(all) == maxHeaps {
					return nil, errTooManyHeaps
				}
				h = &letterHeap{Namespace: k.namespace, Topic: k.topic, Subscription: k.subscription, Reason: k.reason, From: file.Hour}
				all[k] = h
			}
			h.Events += events
			h.Files++
			h.To = file.Hour
		}
		done.add(1)
	}
	heaps := make([]letterHeap, 0, len(all))
	for _, h := range slices.SortedFunc(maps.Values(all), func(a, b *letterHeap) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Topic, b.Topic),
			strings.Compare(a.Subscription, b.Subscription), strings.Compare(a.Reason, b.Reason))
	}) {
		heaps = append(heaps, *h)
	}
	return heaps, nil
}

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
	l.register(cmd.Flags())
	outputFlag(cmd, &output, "text", "json")
	cmd.Flags().IntVar(&most, "max", 20, "how `many` at most")
	cmd.RunE = l.run(func(ctx context.Context, cmd *cobra.Command, f *deadletters.Folder, files []deadletters.File) error {
		if err := checkOutput(output, "text", "json"); err != nil {
			return err
		}
		if most < 1 {
			return fmt.Errorf("--max %d: want 1 or more", most)
		}
		for _, file := range slices.Backward(files) {
			shown, more, err := l.show(ctx, cmd, f.Read, file, most, output)
			if err != nil {
				return err
			}
			if most -= shown; more {
				fmt.Fprintln(cmd.ErrOrStderr(), "there are more: --max")
				return nil
			}
		}
		return nil
	})
	return cmd
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
