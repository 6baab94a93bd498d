package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gridmq/control/manifest"
)

func newDeleteCmd() *cobra.Command {
	var m manageFlags
	var f fileFlags
	var dryRun, yes bool
	var scope string
	cmd := &cobra.Command{
		Use:   "delete KIND NAME... | -f FILE...",
		Short: "Delete resources of namespaces",
		Long: `Delete resources, by kind and name, or all that files describe (bindings before what
they refer to). What is not there is no error.

Deleting a namespace deletes everything in it, sessions and stored messages too, and
wants --yes. --dry-run changes nothing and shows which live clients would lose what.

The kinds are ` + strings.Join(manifest.KindNames(), ", ") + `.

` + manageHelp,
		Example: `  gridmq delete client press-07 -n plant
  gridmq delete binding presses-telemetry -n plant --dry-run
  gridmq delete eventsubscription orders/billing -n plant
  gridmq delete -f plant.yaml
  gridmq delete namespace trial --yes`,
	}
	m.register(cmd, true)
	f.register(cmd)
	fs := cmd.Flags()
	fs.BoolVar(&dryRun, "dry-run", false, "change nothing; show who would lose what")
	fs.BoolVar(&yes, "yes", false, "yes, delete namespaces with all that is in them")
	fs.StringVar(&scope, "scope", "", "of a RoleAssignment: a resource `id`, or one below the namespace such as topicSpaces/telemetry")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		byFile := len(f.files) > 0
		var list []*manifest.Resource
		var err error
		if byFile {
			list, err = f.read(cmd, m.namespace, args)
		} else if len(args) < 2 {
			err = errors.New("what? KIND NAME, or -f FILE")
		} else {
			_, err = kindNamed(args[0])
		}
		if err != nil {
			return err
		}
		return m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			if !byFile {
				if list, err = m.named(ctx, args[0], args[1:], scope); err != nil {
					return err
				}
			}
			for _, r := range list {
				if r.Kind == manifest.Namespace && !yes && !dryRun {
					return fmt.Errorf("deleting %s deletes everything in it, sessions and stored messages too; say --yes", r)
				}
			}
			t := &teller{out: cmd.OutOrStdout(), errs: cmd.ErrOrStderr(), dryRun: dryRun}
			return t.finish(newChanger(&m, dryRun).delete(ctx, list, t.tell))
		})(cmd, nil)
	}
	return cmd
}

func kindNamed(word string) (*manifest.Kind, error) {
	k := manifest.KindNamed(word)
	if k == nil {
		return nil, fmt.Errorf("there is no kind %q; there are %s", word, strings.Join(manifest.KindNames(), ", "))
	}
	return k, nil
}

// named are resources that the command line names.
func (m *manageFlags) named(ctx context.Context, word string, names []string, scope string) (list []*manifest.Resource, err error) {
	kind, err := kindNamed(word)
	if err != nil {
		return nil, err
	}
	namespace := ""
	if kind != manifest.Namespace && !kind.Apart && !strings.HasPrefix(scope, "/") {
		h, err := m.home(ctx)
		if err != nil {
			return nil, err
		}
		namespace = h.name
	}
	for _, name := range names {
		r, err := manifest.Named(kind, namespace, name, scope)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}
