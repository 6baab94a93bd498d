package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	events "gridmq/gateway/client"
)

// Bounds of one receive: spec/namespace-topics.md, section 3.
const (
	mostReceived = 100
	shortestWait = 10 * time.Second
	longestWait  = 120 * time.Second
)

func newEventsReceiveCmd() *cobra.Command {
	var e eventFlags
	var most int
	var wait time.Duration
	var ack bool
	var output string
	cmd := &cobra.Command{
		Use:   "receive TOPIC/SUBSCRIPTION",
		Short: "Receive events, once",
		Long: `Receive events of an event subscription that is pulled from. They are locked, and come
again when the lock ends, unless they are settled: by --ack at once, or by gridmq events
ack, release or reject with their lock tokens.

` + eventsHelp,
		Example: `  gridmq events receive orders/billing --ack
  gridmq events receive orders/billing --max 100 -o json | jq -r .[].lockToken`,
		Args: cobra.ExactArgs(1),
	}
	e.register(cmd)
	outputFlag(cmd, &output, "text", "json")
	f := cmd.Flags()
	f.IntVar(&most, "max", 10, "how `many` at most, up to 100")
	f.DurationVar(&wait, "wait", shortestWait, "`time` to wait for the first, 10s to 120s")
	f.BoolVar(&ack, "ack", false, "acknowledge them once they are printed")
	cmd.RunE = e.run(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		s, err := readSubscription(args[0])
		if err == nil {
			err = errors.Join(checkOutput(output, "text", "json"), checkReceive(most, wait))
		}
		if err != nil {
			return err
		}
		list, err := e.client.Receive(ctx, s, most, wait)
		if err != nil {
			return err
		}
		if err := printEvents(cmd, output, list, !ack); err != nil {
			return err
		}
		if len(list) == 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "nothing came within %v\n", wait)
			return nil
		}
		if !ack {
			return nil
		}
		return e.settle(ctx, cmd, s, settlements[0], tokensOf(list), 0)
	})
	return cmd
}

func checkReceive(most int, wait time.Duration) error {
	if most < 1 || most > mostReceived {
		return fmt.Errorf("--max %d: want 1 to %d", most, mostReceived)
	}
	if wait < shortestWait || wait > longestWait {
		return fmt.Errorf("--wait %v: want %v to %v", wait, shortestWait, longestWait)
	}
	return nil
}

func tokensOf(list []events.Delivery) (tokens []string) {
	for _, d := range list {
		tokens = append(tokens, d.LockToken)
	}
	return tokens
}

func newEventsTailCmd() *cobra.Command {
	var e eventFlags
	var count int
	var output string
	cmd := &cobra.Command{
		Use:   "tail TOPIC/SUBSCRIPTION",
		Short: "Receive events until Ctrl-C; what is printed is acknowledged",
		Long: `Receive events of an event subscription as they come, and acknowledge each once it is
printed. Who else receives from that subscription gets the others.

` + eventsHelp,
		Example: `  gridmq events tail telemetry/all
  gridmq events tail telemetry/all -o json | jq -r .event.subject`,
		Args: cobra.ExactArgs(1),
	}
	e.register(cmd)
	outputFlag(cmd, &output, "text", "json")
	cmd.Flags().IntVar(&count, "count", 0, "end after so `many` (default: go on)")
	cmd.RunE = e.run(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		s, err := readSubscription(args[0])
		if err == nil {
			err = checkOutput(output, "text", "json")
		}
		if err != nil {
			return err
		}
		for left := count; count == 0 || left > 0; {
			most := mostReceived
			if count > 0 {
				most = min(most, left)
			}
			list, err := e.client.Receive(ctx, s, most, longestWait)
			if errors.Is(err, context.Canceled) {
				return nil // Ctrl-C is how it ends
			}
			if err != nil {
				return err
			}
			if err := printEvents(cmd, output, list, false); err != nil {
				return err
			}
			if len(list) == 0 {
				continue
			}
			if _, failed, err := e.client.Settle(context.WithoutCancel(ctx), s, events.Acknowledge, tokensOf(list), 0); err != nil {
				return err
			} else if len(failed) > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "%d not acknowledged, they come again: %s\n", len(failed), failed[0].Error.Message)
			}
			left -= len(list)
		}
		return nil
	})
	return cmd
}

// printEvents writes each on its lines: how often it was delivered, what it is, its
// data; and its token, if somebody may want it.
func printEvents(cmd *cobra.Command, output string, list []events.Delivery, tokens bool) error {
	out := cmd.OutOrStdout()
	for _, d := range list {
		if output == "json" {
			if err := json.NewEncoder(out).Encode(map[string]any{"lockToken": d.LockToken, "deliveryCount": d.Count, "event": d.Event}); err != nil {
				return err
			}
			continue
		}
		if err := printEvent(out, d.Event, d.Count); err != nil {
			return err
		}
		if tokens {
			fmt.Fprintf(out, "  token %s\n", printableText(d.LockToken, 512))
		}
	}
	return nil
}

const widestData = 400

func printEvent(out io.Writer, raw json.RawMessage, count int) error {
	var e map[string]json.RawMessage
	if err := json.Unmarshal(raw, &e); err != nil {
		return fmt.Errorf("the server sent an event that is none: %w", err)
	}
	text := func(name string) string {
		var s string
		if json.Unmarshal(e[name], &s) != nil {
			s = string(e[name])
		}
		return printableText(s, 200)
	}
	again := ""
	if count > 1 {
		again = ", delivery " + strconv.Itoa(count)
	}
	fmt.Fprintln(out, strings.TrimSpace(text("type")+" "+text("source")+" "+text("subject"))+again)
	for _, name := range sortedExtensions(e) {
		fmt.Fprintf(out, "  %s=%s\n", printableText(name, 40), text(name))
	}
	for _, name := range []string{"data", "data_base64"} {
		if len(e[name]) > 0 {
			fmt.Fprintf(out, "  %s %s\n", name, printableText(oneLine(e[name]), widestData))
		}
	}
	return nil
}
