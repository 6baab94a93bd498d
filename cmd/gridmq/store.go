package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"gridmq/server"
)

func newStoreCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Look after the data of a broker that is stopped",
		Example: `  gridmq store check --data /var/lib/gridmq
  gridmq store repair --data /var/lib/gridmq`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStoreCheckCmd(), newStoreRepairCmd())
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
			printDamaged(out, report.Damaged)
			fmt.Fprintf(out, "read %d documents and %d log entries; the store is in format %d\n", report.Documents, report.Entries, server.StoreFormat)
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
	cmd.Flags().StringVar(&data, "data", ourData(), "data `directory` of the broker")
	cmd.Flags().BoolVar(&clear, "clear", false, "forget what is damaged, after it was listed")
	return cmd
}

func printDamaged(out io.Writer, list []server.Damage) {
	for _, d := range list {
		fmt.Fprintf(out, "damaged: key %q", d.Key)
		if d.Log.Namespace != "" {
			fmt.Fprintf(out, ", log %s/%d from position %d", d.Log.Namespace, d.Log.Partition, d.First)
		}
		fmt.Fprintf(out, ": %s\n", d.Reason)
	}
}

func newStoreRepairCmd() *cobra.Command {
	var data string
	var write bool
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Make a store that can be read of one that is damaged",
		Long: `Copy the store (tables are linked, which costs no space), and repair the copy: damaged
records are set aside, each listed, and everything else is kept. If the engine cannot
open the store because of its logs, it is tried without them: what was written last, up
to some 100 MB, is lost then, and said. The broker must be stopped.

Without --write this is a dry run: the copy is removed, nothing was changed. With
--write it takes the place of the store, and the one that was there is kept beside it.
A backup from before the damage is worth more than a repair.`,
		Example: `  gridmq store repair --data /var/lib/gridmq
  gridmq store repair --data /var/lib/gridmq --write`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := server.RepairStore(data, write)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			printDamaged(out, r.Damaged)
			for _, name := range r.Logs {
				fmt.Fprintf(out, "left out: the engine's log %s, with what was written last\n", name)
			}
			fmt.Fprintf(out, "%d documents and %d log entries can be read, %d records are damaged\n", r.Documents, r.Entries, len(r.Damaged))
			if r.Kept == "" {
				fmt.Fprintln(out, "dry run: nothing was changed; --write does it")
				return nil
			}
			fmt.Fprintf(out, "repaired; the store as it was is in %s: remove it when you do not need it any more\n", r.Kept)
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data", ourData(), "data `directory` of the broker")
	cmd.Flags().BoolVar(&write, "write", false, "put the repaired copy in the place of the store")
	return cmd
}
