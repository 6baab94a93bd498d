package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/spf13/cobra"

	plane "gridmq/control/client"
	"gridmq/control/manifest"
)

func newExportCmd() *cobra.Command {
	var m manageFlags
	var output, file string
	var all bool
	cmd := &cobra.Command{
		Use:   "export -n NAMESPACE",
		Short: "Write all resources of a namespace, for apply",
		Long: `Write all resources of a namespace, as gridmq apply reads them: as YAML or JSON
documents, or as a template of Azure Resource Manager. Applied to the same server they
change nothing; applied to another one they make the same namespace.

Secrets are not exported: access keys, passwords of clients, secrets of webhooks, URLs
of event subscriptions. Bans, operators, sessions and messages are not resources and not
in it.

` + manageHelp,
		Example: `  gridmq export -n plant > plant.yaml
  gridmq export -n plant -o arm > template.json
  gridmq export --all -O everything.yaml`,
		Args: cobra.NoArgs,
	}
	m.register(cmd, true)
	outputFlag(cmd, &output, "yaml", "json", "arm")
	cmd.Flags().StringVarP(&file, "output-file", "O", "", "`file` to write instead of standard output")
	cmd.Flags().BoolVar(&all, "all", false, "all namespaces, and custom topics")
	cmd.RunE = m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		write := map[string]func(io.Writer, []*manifest.Resource) error{
			"yaml": manifest.WriteYAML, "json": manifest.WriteJSON, "arm": manifest.WriteARM}[output]
		if write == nil {
			return checkOutput(output, "yaml", "json", "arm")
		}
		homes, err := m.chosen(ctx, all)
		if err != nil {
			return err
		}
		var at atomic.Value // what is being read
		at.Store("")
		defer showProgress(cmd.ErrOrStderr(), func() string { return fmt.Sprintf("reading %s ...", at.Load()) })()
		var list []*manifest.Resource
		for _, h := range homes {
			inside, err := m.everything(ctx, h, func(what string) { at.Store(what) })
			if err != nil {
				return err
			}
			list = append(list, inside...)
		}
		if all {
			beside, err := m.everythingApart(ctx)
			if err != nil {
				return err
			}
			list = append(beside, list...) // which namespaces may route to
		}
		var b bytes.Buffer // whole or not at all
		if err := write(&b, list); err != nil {
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

// everything is a namespace with all that is in it.
func (m *manageFlags) everything(ctx context.Context, h home, reading func(what string)) (list []*manifest.Resource, err error) {
	for _, kind := range manifest.Kinds {
		if kind == manifest.Namespace {
			r, err := manifest.Shown(h.shown.Raw)
			if err != nil {
				return nil, err
			}
			list = append(list, r)
			continue
		}
		if kind.Apart {
			continue
		}
		reading(kind.Collection + " of " + h.name)
		all, err := m.children(ctx, h, kind, "")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind.Collection, err)
		}
		if list, err = appendShown(list, kind, all); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// appendShown adds resources as the server shows them.
func appendShown(list []*manifest.Resource, kind *manifest.Kind, all []*plane.Resource) ([]*manifest.Resource, error) {
	for _, one := range all {
		r, err := manifest.Shown(one.Raw)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", kind.Name, one.Name, err)
		}
		list = append(list, r)
	}
	return list, nil
}
