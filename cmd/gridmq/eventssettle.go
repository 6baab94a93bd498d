package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	events "gridmq/gateway/client"
)

// A settlement is a command that settles lock tokens.
type settlement struct {
	use, short string
	done       string // as in "acknowledged 2"
	verb       events.Verb
}

var settlements = []settlement{
	{"ack", "Acknowledge events: they are done", "acknowledged", events.Acknowledge},
	{"release", "Give events back: they are delivered again", "released", events.Release},
	{"reject", "Reject events that can never succeed: they become dead letters", "rejected", events.Reject},
	{"renew", "Let the locks of events end later", "renewed", events.RenewLock},
}

// releaseDelays are those that the protocol has.
var releaseDelays = []time.Duration{0, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour}

func newEventsSettleCmd(how settlement) *cobra.Command {
	var e eventFlags
	var delay time.Duration
	var file string
	cmd := &cobra.Command{
		Use:   how.use + " TOPIC/SUBSCRIPTION [TOKEN...]",
		Short: how.short,
		Long: how.short + ".\nTokens are those that gridmq events receive has printed, or in a file what it printed with -o json.\n\n" +
			eventsHelp,
		Example: "  gridmq events " + how.use + " orders/billing AQAAAAAAAAAyAAAAAAAAAAEB\n  gridmq events receive orders/billing -o json > got.json; gridmq events " +
			how.use + " orders/billing --events got.json",
		Args: cobra.MinimumNArgs(1),
	}
	e.register(cmd)
	cmd.Flags().StringVar(&file, "events", "", "`file` with what gridmq events receive -o json has printed, - for standard input")
	if how.verb == events.Release {
		cmd.Flags().DurationVar(&delay, "delay", 0, "`time` until they are delivered again: 0, 10s, 1m, 10m or 1h")
	}
	cmd.RunE = e.run(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		s, err := readSubscription(args[0])
		if err != nil {
			return err
		}
		if !slices.Contains(releaseDelays, delay) {
			return fmt.Errorf("--delay %v: want 0, 10s, 1m, 10m or 1h", delay)
		}
		tokens := args[1:]
		if file != "" {
			more, err := readTokens(cmd, file)
			if err != nil {
				return err
			}
			tokens = append(tokens, more...)
		}
		if len(tokens) == 0 {
			return errors.New("which? give lock tokens, or --events with what was received")
		}
		return e.settle(ctx, cmd, s, how, tokens, delay)
	})
	return cmd
}

func (e *eventFlags) settle(ctx context.Context, cmd *cobra.Command, s events.Subscription, how settlement, tokens []string, delay time.Duration) error {
	succeeded, failed, err := e.client.Settle(ctx, s, how.verb, tokens, delay)
	if err != nil {
		return err
	}
	if len(succeeded) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s %d\n", how.done, len(succeeded))
	}
	for _, f := range failed {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s (%s)\n", printableText(f.LockToken, 512), printableText(f.Error.Message, widestLast), printableText(f.Error.Code, widest))
	}
	if len(failed) > 0 {
		return &exitError{exitDenied, fmt.Errorf("%d of %d not %s", len(failed), len(failed)+len(succeeded), how.done)}
	}
	return nil
}

// readTokens reads the tokens of events that were printed as JSON.
func readTokens(cmd *cobra.Command, file string) (tokens []string, err error) {
	b, err := readInput(cmd, file)
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		var one struct{ LockToken string }
		switch err := d.Decode(&one); {
		case errors.Is(err, io.EOF):
			return tokens, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", file, err)
		case one.LockToken == "":
			return nil, fmt.Errorf("%s: an event without a lockToken; want what gridmq events receive -o json prints", file)
		}
		tokens = append(tokens, one.LockToken)
	}
}

// standardAttributes are not shown as extensions.
var standardAttributes = []string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64"}

func sortedExtensions(e map[string]json.RawMessage) (names []string) {
	for name := range e {
		if !slices.Contains(standardAttributes, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
