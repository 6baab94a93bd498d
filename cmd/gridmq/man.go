package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gridmq/cmd/gridmq/manpage"
)

func newManCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   "Write the manual pages into a folder",
		Example: "  gridmq man /usr/local/share/man/man1",
		Args:    cobra.ExactArgs(1),
		Hidden:  true, // packages bring the pages
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			n, err := writePages(args[0], cmd.Root())
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "wrote %d pages\n", n)
			}
			return err
		},
	}
}

// writePages writes the page of cmd and of those below it, and says how many.
func writePages(dir string, cmd *cobra.Command) (n int, err error) {
	cmd.InitDefaultHelpFlag()
	f, err := os.Create(filepath.Join(dir, manpage.Name(cmd)+".1"))
	if err != nil {
		return 0, err
	}
	if err := errors.Join(manpage.Write(f, cmd, buildVersion()), f.Close()); err != nil {
		return 0, err
	}
	n = 1
	for _, below := range cmd.Commands() {
		if !below.IsAvailableCommand() {
			continue
		}
		more, err := writePages(dir, below)
		if err != nil {
			return n, err
		}
		n += more
	}
	return n, nil
}
