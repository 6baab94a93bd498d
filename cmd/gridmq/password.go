package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	plane "gridmq/control/client"
	"gridmq/server"
)

// A devicePassword is what the command shows, once.
type devicePassword struct {
	Namespace          string `json:"namespace,omitempty"`
	Client             string `json:"client,omitempty"`
	AuthenticationName string `json:"authenticationName,omitempty"`
	Password           string `json:"password"`
	Hash               string `json:"passwordHash"`
}

func newPasswordCmd() *cobra.Command {
	var m manageFlags
	var client, output string
	cmd := &cobra.Command{
		Use:   "password",
		Short: "Make a password for a device, and give it to a client",
		Long: `Make a password for a device: gmq_, 256 random bits and a checksum. It is shown once,
and only its hash is kept. Nobody can guess one, so that checking it costs next to
nothing: a fleet with such passwords reconnects in a second.

With --client, the client gets it in the place of the one it has; connections that came
with the old one end. The server learns the hash only. Without, nothing is changed: the
hash is for properties.gridmq.passwordHash of a client.

` + manageHelp,
		Example: `  gridmq password --client press-07 -n plant
  gridmq password --client press-07 -n plant -o json | jq -r .password > press-07.password
  gridmq password`,
		Args: cobra.NoArgs,
	}
	m.register(cmd, true)
	outputFlag(cmd, &output, "table", "json")
	cmd.Flags().StringVar(&client, "client", "", "`name` of the client's resource in the registry")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkOutput(output, "table", "json"); err != nil {
			return err
		}
		var p devicePassword
		if p.Password, p.Hash = server.NewDevicePassword(); client == "" {
			if cmd.Flags().Changed("client") {
				return fmt.Errorf("--client: want the name of a client; gridmq get clients lists them")
			}
			return p.print(cmd, output)
		}
		return m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			h, err := m.home(ctx)
			if err != nil {
				return err
			}
			p.Namespace, p.Client = h.name, client
			if err := p.set(ctx, &m, h); err != nil {
				return err
			}
			if !allowsPasswords(ctx, m.client, h) {
				fmt.Fprintf(cmd.ErrOrStderr(), "namespace %s does not take passwords yet; set its properties.gridmq.passwords.enabled\n", h.name)
			}
			return p.print(cmd, output)
		})(cmd, nil)
	}
	return cmd
}

// set gives the hash to the client, all else of which stays as it is.
func (p *devicePassword) set(ctx context.Context, m *manageFlags, h home) error {
	id := h.place.ID(h.name, "clients", p.Client)
	old, err := again(ctx, func() (*plane.Resource, error) { return m.client.Get(ctx, id) })
	if plane.IsNotFound(err) {
		return &exitError{exitDenied, fmt.Errorf("namespace %s has no client %q; make one with gridmq apply", h.name, p.Client)}
	}
	if err != nil {
		return err
	}
	properties := object(old.Properties)
	p.AuthenticationName, _ = properties["authenticationName"].(string)
	properties["gridmq"] = map[string]any{"passwordHash": p.Hash}
	body, err := json.Marshal(map[string]any{"properties": properties})
	if err != nil {
		return err
	}
	_, err = again(ctx, func() (*plane.Resource, error) {
		r, _, _, err := m.client.Put(ctx, id, body, plane.Condition{ETag: old.ETag})
		return r, err
	})
	return err
}

// allowsPasswords says whether a namespace takes passwords; yes, if it may not be read.
func allowsPasswords(ctx context.Context, c *plane.Client, h home) bool {
	ns, err := c.Get(ctx, h.place.ID(h.name))
	if err != nil {
		return true
	}
	var p struct {
		GridMQ struct {
			Passwords struct{ Enabled bool }
		}
	}
	return json.Unmarshal(ns.Properties, &p) != nil || p.GridMQ.Passwords.Enabled
}

func (p *devicePassword) print(cmd *cobra.Command, output string) error {
	if output == "json" {
		return printJSON(cmd, p)
	}
	t := newTable(cmd.OutOrStdout())
	if p.Client == "" {
		t.row("PASSWORD", "HASH")
		t.row(p.Password, p.Hash)
	} else {
		t.row("CLIENT", "AUTHENTICATION NAME", "PASSWORD")
		t.row(p.Client, p.AuthenticationName, p.Password)
	}
	return t.flush()
}
