package main

import (
	"context"

	"github.com/spf13/cobra"

	"gridmq/control/manifest"
)

func newNamespacesCmd() *cobra.Command {
	var m manageFlags
	var output string
	cmd := &cobra.Command{
		Use:   "namespaces",
		Short: "List the namespaces that the token may see",
		Long:  "List the namespaces that the token may see, of all resource groups.\n\n" + manageHelp,
		Example: `  gridmq namespaces
  gridmq namespaces --server https://manage.plant.example:9443 --token-file me.token`,
		Args: cobra.NoArgs,
	}
	m.register(cmd, false)
	outputFlag(cmd, &output, "table", "yaml", "json")
	cmd.RunE = m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if err := checkOutput(output, "table", "yaml", "json"); err != nil {
			return err
		}
		list, err := m.list(ctx, manifest.Namespace, "", "")
		if err != nil {
			return err
		}
		return printResources(cmd, output, manifest.Namespace, list, false)
	})
	return cmd
}
