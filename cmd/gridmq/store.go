package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"gridmq/server"
)

func newStoreCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "store",
		Short:   "Look after the data of a broker that is stopped",
		Example: "  gridmq store check --data /var/lib/gridmq",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStoreCheckCmd())
	return cmd
}

func newStoreCheckCmd() *cobra.Command {
	var data string
	var clear bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read everything in the store and list what is damaged",
		Long: `Read every record of the store and compare it with its checksum. The broker must
be stopped. Damaged records are listed, one a line, and the exit code is 1; the
broker starts all the same and does without them. They are listed each time until
--clear forgets them, which cannot be undone.`,
		Example: `  gridmq store check --data /var/lib/gridmq
  gridmq store check --data /var/lib/gridmq --clear`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := server.CheckStore(data, clear)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			for _, d := range report.Damaged {
				fmt.Fprintf(out, "damaged: key %q", d.Key)
				if d.Log.Namespace != "" {
					fmt.Fprintf(out, ", log %s/%d from position %d", d.Log.Namespace, d.Log.Partition, d.First)
				}
				fmt.Fprintf(out, ": %s\n", d.Reason)
			}
			fmt.Fprintf(out, "read %d documents and %d log entries\n", report.Documents, report.Entries)
			if n := len(report.Damaged); n > 0 && clear {
				fmt.Fprintf(out, "cleared %d damaged records\n", n)
				return nil
			} else if n > 0 {
				return fmt.Errorf("%d damaged records in %s", n, data)
			}
			fmt.Fprintln(out, "no damage found")
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data", "./data", "data `directory` of the broker")
	cmd.Flags().BoolVar(&clear, "clear", false, "forget what is damaged, after it was listed")
	return cmd
}
