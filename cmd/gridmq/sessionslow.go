package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

func newSessionsSlowCmd() *cobra.Command {
	var m manageFlags
	var output, by string
	var most int
	cmd := &cobra.Command{
		Use:   "slow",
		Short: "List the sessions in which most waits",
		Long: `List the sessions with the longest queues, the worst first: by the number of messages,
by their bytes, or by the age of the oldest one that the client has not acknowledged
(QoS 1 and 2). A client that is away is listed too: what waits for it takes space.

` + manageHelp,
		Example: `  gridmq sessions slow -n plant
  gridmq sessions slow -n plant --by age --most 5 -o json`,
		Args: cobra.NoArgs,
	}
	m.register(cmd, true)
	outputFlag(cmd, &output, "table", "json")
	cmd.Flags().StringVar(&by, "by", "messages", "messages, bytes or age")
	cmd.Flags().IntVar(&most, "most", 20, "how `many` at most, up to 100")
	cmd.RunE = m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if err := checkOutput(output, "table", "json"); err != nil {
			return err
		}
		h, err := m.home(ctx)
		if err != nil {
			return err
		}
		list, err := m.client.Slow(ctx, h.name, by, most)
		if err != nil {
			return err
		}
		if output == "json" {
			return printJSON(cmd, orEmpty(list))
		}
		if len(list) == 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), "nothing waits")
			return nil
		}
		t := newTable(cmd.OutOrStdout())
		t.row("CLIENT ID", "AUTHENTICATION NAME", "STATE", "QUEUED", "BYTES", "IN FLIGHT", "OLDEST")
		for _, s := range list {
			state, oldest := "away", ""
			if s.Connected {
				state = "connected"
			}
			if !s.OldestPublished.IsZero() {
				oldest = max(0, time.Since(s.OldestPublished)).Round(time.Second).String()
			}
			t.row(s.ClientID, s.AuthenticationName, state, strconv.Itoa(s.QueuedMessages), size(s.QueuedBytes), strconv.Itoa(s.InFlight), oldest)
		}
		return t.flush()
	})
	return cmd
}
