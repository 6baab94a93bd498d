package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"gridmq/server"
)

func newTokenCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Secrets for applications of the token endpoint",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "secret",
		Short: "Make a client secret, and the hash for tokens.apps",
		Long: `Make a client secret for an application. The application keeps the secret, which
is shown only now; the configuration gets the hash, in tokens.apps.NAME.secret_hashes.`,
		Example: `  gridmq token secret

  # then the application gets tokens with it
  curl --cacert data/tls/ca.pem https://localhost:9443/adfs/oauth2/token \
    -d grant_type=client_credentials -d client_id=ID -d client_secret=SECRET \
    -d scope=https://eventgrid.azure.net/.default`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			secret, hash := server.NewAppSecret()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "secret: %s\nhash:   %s\n", secret, hash)
			return err
		},
	})
	return cmd
}
