package main

import "github.com/spf13/cobra"

func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:   "gridmq",
		Short: "A self-hosted MQTT broker, and the tools around it",
		Long: `GridMQ is an MQTT 3.1.1 and 5 broker in one binary.

Start one to try, and talk to it:

  gridmq serve --dev
  gridmq sub -t 'greetings/#' -v
  gridmq pub -t greetings/world -m hello`,
		SilenceUsage:  true, // an error is one line; --help is there for the rest
		SilenceErrors: true, // main prints it
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddGroup(&cobra.Group{ID: "broker", Title: "The broker:"}, &cobra.Group{ID: "manage", Title: "Namespaces and what is in them:"},
		&cobra.Group{ID: "client", Title: "Clients:"})
	for _, c := range []*cobra.Command{newServeCmd(), newConfigCmd(), newBackupCmd(), newRestoreCmd(), newStoreCmd(), newTokenCmd(), newHealthCmd()} {
		c.GroupID = "broker"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{newApplyCmd(), newGetCmd(), newDeleteCmd(), newExportCmd(), newImportCmd(), newNamespacesCmd(), newConnectInfoCmd(),
		newExplainCmd(), newSessionsCmd(), newTraceCmd(), newRefusedCmd(), newBanCmd(), newPasswordCmd()} {
		c.GroupID = "manage"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{newPubCmd(), newSubCmd(), newEventsCmd(), newWebhookListenCmd(), newDeadLettersCmd(), newBenchCmd(), newCertCmd()} {
		c.GroupID = "client"
		root.AddCommand(c)
	}
	root.AddCommand(newVersionCmd(), newManCmd())
	return root
}
