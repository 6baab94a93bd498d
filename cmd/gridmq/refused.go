package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
)

func newRefusedCmd() *cobra.Command {
	var m manageFlags
	var output string
	var most int
	var outside bool
	cmd := &cobra.Command{
		Use:   "refused",
		Short: "List who was not let in lately, and what to do about it",
		Long: `List connections that were refused lately, the newest first, with the reason that the
client was not told. The same one again counts up. The list is in memory: it begins
with the broker. With --outside: those who reached no namespace, since TLS failed, or
the host name, or there were too many of them.

` + manageHelp,
		Example: `  gridmq refused -n plant
  gridmq refused -n plant --most 5 -o json
  gridmq refused --outside`,
		Args: cobra.NoArgs,
	}
	m.register(cmd, true)
	outputFlag(cmd, &output, "table", "json")
	cmd.Flags().IntVar(&most, "most", 50, "how `many` at most, up to 100")
	cmd.Flags().BoolVar(&outside, "outside", false, "those who reached no namespace")
	cmd.RunE = m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if err := checkOutput(output, "table", "json"); err != nil {
			return err
		}
		namespace := ""
		if !outside {
			h, err := m.home(ctx)
			if err != nil {
				return err
			}
			namespace = h.name
		}
		list, err := m.client.Refused(ctx, namespace, most)
		if err != nil {
			return err
		}
		if output == "json" {
			return printJSON(cmd, orEmpty(list))
		}
		if len(list) == 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), "nobody was refused")
			return nil
		}
		t := newTable(cmd.OutOrStdout())
		t.row("LAST", "TIMES", "CLIENT ID", "AUTHENTICATION NAME", "REMOTE", "CODE", "REASON")
		for _, r := range list {
			t.row(instant(r.Time), strconv.Itoa(r.Count), r.ClientID, r.AuthenticationName, r.Remote, r.Code, r.Reason)
		}
		return t.flush()
	})
	return cmd
}
