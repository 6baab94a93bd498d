package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/spf13/cobra"
)

func newExportCmd() *cobra.Command {
	var m manageFlags
	var output, format, file string
	var all bool
	cmd := &cobra.Command{
		Use:   "export -n NAMESPACE",
		Short: "Write all resources of a namespace, for apply",
		Long: `Write all resources of a namespace, as gridmq apply reads them: as YAML or JSON
documents, or as a template of Azure Resource Manager. Applied to the same server they
change nothing; applied to another one they make the same namespace.

Secrets are not exported: access keys, passwords of clients, secrets that webhooks are
shown, secret delivery attributes, URLs of event subscriptions that have a query. What
was left out is said, on standard error and in the file; it has to be given again
elsewhere (gridmq password, or members written into the file). Bans, operators, sessions
and messages are not resources and not in it: gridmq backup keeps all.

` + manageHelp,
		Example: `  gridmq export -n plant > plant.yaml
  gridmq export -n plant --format arm > template.json
  gridmq export --all -O everything.yaml`,
		Args: cobra.NoArgs,
	}
	m.register(cmd, true)
	outputFlag(cmd, &output, "yaml", "json", "arm")
	cmd.Flags().StringVar(&format, "format", "", "the same as --output")
	cmd.Flags().StringVarP(&file, "output-file", "O", "", "`file` to write instead of standard output")
	cmd.Flags().BoolVar(&all, "all", false, "all namespaces, and custom topics")
	cmd.RunE = m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if format != "" {
			if cmd.Flags().Changed("output") && output != format {
				return fmt.Errorf("--output %s and --format %s: want one of them", output, format)
			}
			output = format
		}
		if err := checkOutput(output, "yaml", "json", "arm"); err != nil {
			return err
		}
		homes, err := m.chosen(ctx, all)
		if err != nil {
			return err
		}
		var at atomic.Value // what is being read
		at.Store("")
		defer showProgress(cmd.ErrOrStderr(), func() string { return fmt.Sprintf("reading %s ...", at.Load()) })()
		x := exporter{m: &m, reading: func(what string) { at.Store(what) }}
		for _, h := range homes {
			if err := x.everything(ctx, h); err != nil {
				return err
			}
		}
		if all {
			if err := x.everythingApart(ctx); err != nil {
				return err
			}
		}
		withheld := x.withheldWords()
		for _, what := range withheld {
			fmt.Fprintln(cmd.ErrOrStderr(), "gridmq: not exported:", what)
		}
		var b bytes.Buffer // whole or not at all
		if err := x.write(&b, output, withheld); err != nil {
			return err
		}
		if file != "" {
			return os.WriteFile(file, b.Bytes(), 0o600)
		}
		_, err = cmd.OutOrStdout().Write(b.Bytes())
		return err
	})
	return cmd
}

func (m *manageFlags) chosen(ctx context.Context, all bool) ([]home, error) {
	if all && m.namespace == "" {
		err := m.places.read(ctx)
		return m.places.all, err
	}
	h, err := m.home(ctx)
	return []home{h}, err
}
