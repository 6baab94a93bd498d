package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
)

func newSessionsHistoryCmd() *cobra.Command {
	var m manageFlags
	var output string
	var most int
	cmd := &cobra.Command{
		Use:   "history [NAME]",
		Short: "Show when clients came, went and were refused, and why",
		Long: `Show when a client came, went and was refused, and why, the newest first. NAME is a
client identifier or an authentication name; without it: all clients.

The broker remembers this in memory, since its start: 50 events of a client, 10,000 of a
namespace. A refusal that comes again counts up.

` + manageHelp,
		Example: `  gridmq sessions history press-07 -n plant
  gridmq sessions history -n plant --most 100 -o json`,
		Args: cobra.MaximumNArgs(1),
	}
	m.register(cmd, true)
	outputFlag(cmd, &output, "table", "json")
	cmd.Flags().IntVar(&most, "most", 50, "how `many` at most, up to 100")
	cmd.RunE = m.run(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		if err := checkOutput(output, "table", "json"); err != nil {
			return err
		}
		h, err := m.home(ctx)
		if err != nil {
			return err
		}
		name := ""
		if len(args) > 0 {
			name = args[0]
		}
		list, err := m.client.History(ctx, h.name, name, most)
		if err != nil {
			return err
		}
		if output == "json" {
			return printJSON(cmd, orEmpty(list))
		}
		if len(list) == 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), "nothing is remembered")
			return nil
		}
		t := newTable(cmd.OutOrStdout())
		t.row("TIME", "EVENT", "TIMES", "CLIENT ID", "AUTHENTICATION NAME", "REMOTE", "PROTOCOL", "CODE", "REASON")
		for _, e := range list {
			t.row(instant(e.Time), string(e.Event), strconv.Itoa(e.Count), e.ClientID, e.AuthenticationName, e.Remote, e.Protocol, e.Code, e.Reason)
		}
		return t.flush()
	})
	return cmd
}
