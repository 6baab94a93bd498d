package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	plane "gridmq/control/client"
)

func newBanCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ban",
		Short: "Keep clients out of a namespace for a while, whatever their credentials",
		Example: `  gridmq ban add --name press-07 --for 1h --reason "floods the hall" -n plant
  gridmq ban add --address 10.0.7.0/24 -n plant
  gridmq ban list -n plant
  gridmq ban remove press-07 -n plant`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBanAddCmd(), newBanListCmd(), newBanRemoveCmd())
	return cmd
}

func newBanAddCmd() *cobra.Command {
	var m manageFlags
	var b plane.Ban
	var length span
	cmd := &cobra.Command{
		Use:   "add [BAN]",
		Short: "Ban an authentication name, a client identifier, an address, or who is all of these",
		Long: `Ban an authentication name, a client identifier or an address. With several of them
it is for who is all of these. Clients that are connected and meant are disconnected.

BAN is the name of the ban, by which it is removed; without one it is the
authentication name or the client identifier if those can be names, else made up.

` + manageHelp,
		Example: `  gridmq ban add --name press-07 --for 1h --reason "floods the hall" -n plant
  gridmq ban add hall-7 --address 10.0.7.0/24 -n plant`,
		Args: cobra.MaximumNArgs(1),
	}
	m.register(cmd, true)
	f := cmd.Flags()
	f.StringVar(&b.AuthenticationName, "name", "", "authentication `name`")
	f.StringVar(&b.ClientID, "client-id", "", "client `identifier`")
	f.StringVar(&b.Address, "address", "", "`address` or network, as 10.0.7.0/24")
	f.StringVar(&b.Reason, "reason", "", "`text` for operators")
	f.Var(&length, "for", "`time` after which it ends: seconds, or as 90m, 24h (default: never)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if b.AuthenticationName == "" && b.ClientID == "" && b.Address == "" {
			return errors.New("who? --name, --client-id or --address")
		}
		if f.Changed("for") && time.Duration(length) < time.Second {
			return errors.New("--for: want a second at least")
		}
		return m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			h, err := m.home(ctx)
			if err != nil {
				return err
			}
			if d := time.Duration(length); d > 0 && d < 100*365*day {
				ends := time.Now().Add(d).UTC().Truncate(time.Second)
				b.Expires = &ends
			}
			name := banName(b)
			if len(args) > 0 {
				name = args[0]
			}
			if err := m.client.Ban(ctx, h.name, name, b); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "banned %s\n", name)
			return nil
		})(cmd, nil)
	}
	return cmd
}

// banName is a name for a ban: whom it is for, if that can be one.
func banName(b plane.Ban) string {
	for _, name := range []string{b.AuthenticationName, b.ClientID} {
		if name != "" && len(name) <= 128 && fileName(name) == name {
			return name
		}
	}
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	return "ban-" + hex.EncodeToString(random[:])
}

func newBanListCmd() *cobra.Command {
	var m manageFlags
	var output string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the bans that are in force",
		Long:    "List the bans of a namespace that are in force.\n\n" + manageHelp,
		Example: "  gridmq ban list -n plant",
		Args:    cobra.NoArgs,
	}
	m.register(cmd, true)
	outputFlag(cmd, &output, "table", "json")
	cmd.RunE = m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if err := checkOutput(output, "table", "json"); err != nil {
			return err
		}
		h, err := m.home(ctx)
		if err != nil {
			return err
		}
		bans, err := m.client.Bans(ctx, h.name)
		if err != nil {
			return err
		}
		if output == "json" {
			return printJSON(cmd, bans)
		}
		if len(bans) == 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), "nobody is banned")
			return nil
		}
		t := newTable(cmd.OutOrStdout())
		t.row("BAN", "AUTHENTICATION NAME", "CLIENT ID", "ADDRESS", "ENDS", "REASON")
		for _, name := range slices.Sorted(maps.Keys(bans)) {
			b := bans[name]
			ends := "never"
			if b.Expires != nil {
				ends = instant(*b.Expires)
			}
			t.row(name, b.AuthenticationName, b.ClientID, b.Address, ends, b.Reason)
		}
		return t.flush()
	})
	return cmd
}

func newBanRemoveCmd() *cobra.Command {
	var m manageFlags
	cmd := &cobra.Command{
		Use:     "remove BAN...",
		Short:   "Remove bans",
		Long:    "Remove bans, by the names that gridmq ban list shows.\n\n" + manageHelp,
		Example: "  gridmq ban remove press-07 -n plant",
		Args:    cobra.MinimumNArgs(1),
	}
	m.register(cmd, true)
	cmd.RunE = m.run(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		h, err := m.home(ctx)
		if err != nil {
			return err
		}
		for _, name := range args {
			existed, err := m.client.Unban(ctx, h.name, name)
			if err != nil {
				return err
			}
			if !existed {
				return &exitError{exitDenied, fmt.Errorf("there is no ban %q; gridmq ban list shows them", name)}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "removed %s\n", name)
		}
		return nil
	})
	return cmd
}
