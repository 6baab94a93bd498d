package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"gridmq/docs"
	"gridmq/server"
)

func newConfigCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check a configuration file, or print an annotated example",
		Example: `  gridmq config example > gridmq.yaml
  gridmq config check gridmq.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigCheckCmd(), newConfigExampleCmd())
	return cmd
}

func newConfigCheckCmd() *cobra.Command {
	var environment bool
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Say everything that is wrong with a file, with line and column",
		Long: `Check files as serve would read them. Each problem is one line,
file:line:column: what is wrong; the exit code is then 1.`,
		Example: `  gridmq config check /etc/gridmq/gridmq.yaml

  # with the GRIDMQ_ variables of this environment laid over it
  gridmq config check --env gridmq.yaml`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			wrong := 0
			for _, file := range files {
				sources := server.Sources{File: file}
				if environment {
					sources.Environ = os.Environ()
				}
				_, warnings, err := sources.Load()
				for _, w := range warnings {
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: warning: %s\n", file, w)
				}
				if err != nil {
					wrong++
					fmt.Fprintln(cmd.ErrOrStderr(), err)
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", file)
			}
			if wrong > 0 {
				return fmt.Errorf("%d of %d files cannot be used", wrong, len(files))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&environment, "env", false, "lay the GRIDMQ_ environment variables over the file")
	return cmd
}

func newConfigExampleCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "example",
		Short:   "Print every setting with its default and its meaning",
		Example: "  gridmq config example > gridmq.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(docs.ExampleConfig)
			return err
		},
	}
}
