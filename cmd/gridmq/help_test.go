package main

import (
	"testing"

	"github.com/spf13/cobra"
)

// TestHelp: every command says what it does, with an example.
func TestHelp(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Short == "" || cmd.Example == "" && cmd.HasParent() && cmd.Name() != "token" && cmd.Parent().Name() != "bench" {
			t.Errorf("%s: a short text and an example are wanted", cmd.CommandPath())
		}
		for _, below := range cmd.Commands() {
			visit(below)
		}
	}
	visit(newRootCmd())
}
