package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gridmq/control/manifest"
)

func newImportCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Take over what was made for another broker",
		Example: `  gridmq import azure --dry-run template.json
  gridmq import azure template.json --parameter name=plant
  gridmq import mosquitto --password-file passwd --acl-file acl.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newImportAzureCmd(), newImportMosquittoCmd())
	return cmd
}

// importFlags are those of every import.
type importFlags struct {
	dryRun, partial, quiet bool
}

func (i *importFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&i.dryRun, "dry-run", false, "change nothing; show what would be done, and what cannot be")
	f.BoolVar(&i.partial, "partial", false, "import the rest, if something cannot be imported")
	f.BoolVarP(&i.quiet, "quiet", "q", false, "say nothing about resources that are as they should be")
}

// A finding is what an import says about a part of a file.
type finding struct {
	lost bool // it is not imported
	text string
}

// report tells findings, and says whether to go on. Nothing is imported in part unless
// that is wanted.
func (i *importFlags) report(cmd *cobra.Command, all []finding) error {
	lost := 0
	for _, f := range all {
		word := "note"
		if f.lost {
			word = "not imported"
			lost++
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", word, f.text)
	}
	if lost > 0 && !i.dryRun && !i.partial {
		return &exitError{exitDenied, fmt.Errorf("nothing was changed, as %d of the things above cannot be imported\n  change the file, or import the rest with --partial", lost)}
	}
	return nil
}

// apply makes the resources.
func (i *importFlags) apply(ctx context.Context, cmd *cobra.Command, m *manageFlags, list []*manifest.Resource) error {
	t := &teller{out: cmd.OutOrStdout(), errs: &lockedWriter{w: cmd.ErrOrStderr()}, dryRun: i.dryRun, quiet: i.quiet}
	return t.finish(newChanger(m, i.dryRun).apply(ctx, list, t.tell))
}

func newImportAzureCmd() *cobra.Command {
	var m manageFlags
	var i importFlags
	var f fileFlags
	cmd := &cobra.Command{
		Use:   "azure FILE...",
		Short: "Import namespaces of Azure Event Grid",
		Long: `Import namespaces of Azure Event Grid, or of another GridMQ, from files: a template of
Resource Manager (gridmq export --format arm, az group export, what Bicep compiles to;
parameters, variables, loops and expressions are resolved), or what az resource show and
az rest -m get answer, one resource or a list. - is standard input.

Resources come into the default subscription and group of the server, unless
--subscription and --resource-group say others; ids that lead from one to another follow.
With -n, the only namespace of the files gets another name.

Everything that is not taken over as it was is said: "not imported" with the reason,
"note" for what was adapted or needs something in the server's configuration. If
something cannot be imported, nothing is, unless --partial says to import the rest.
What the server itself refuses is told as gridmq apply does, and the other resources are
made. --dry-run changes nothing. An import may be repeated.

Secrets are in no such file: clients get passwords by gridmq password, access keys are
made anew, and secrets of webhooks have to be written into the file.

` + manageHelp,
		Example: `  gridmq import azure --dry-run template.json
  gridmq import azure template.json --parameter name=plant
  az rest -m get -u "$ID/clients?api-version=2025-02-15" | gridmq import azure -n plant -
  gridmq export -n plant --format arm --server https://old:9443 --token-file old.token | gridmq import azure -`,
		Args: cobra.MinimumNArgs(1),
	}
	m.register(cmd, false)
	fs := cmd.Flags()
	fs.StringVarP(&m.namespace, "namespace", "n", "", "`name` that the namespace of the files gets here")
	fs.StringVar(&f.subscription, "subscription", "", "`subscription` to import into (default: the server's)")
	fs.StringVar(&f.group, "resource-group", "", "resource `group` to import into (default: the server's)")
	fs.StringVar(&f.location, "location", "", "`location` of resourceGroup() in templates (default: the server's)")
	fs.StringArrayVar(&f.parameters, "parameter", nil, "`name=value` of a template's parameter; may be repeated")
	fs.StringArrayVar(&f.parameterFiles, "parameter-file", nil, "`file` with parameters of a template; may be repeated")
	i.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		set, err := f.set(cmd, m.namespace, files, true)
		if err != nil {
			return err
		}
		remarks, err := set.Adapt(manifest.Move{Namespace: m.namespace, Subscription: f.subscription, Group: f.group})
		if err != nil {
			return err
		}
		if len(set.Resources) == 0 && len(remarks) == 0 {
			return errors.New("there is no resource of Event Grid in what was given")
		}
		var all []finding
		for _, r := range remarks {
			all = append(all, finding{r.Lost, printableText(r.Error(), 2000)})
		}
		for _, what := range set.Withheld {
			all = append(all, finding{false, printableText("not in the file: "+what, 2000)})
		}
		if err := i.report(cmd, all); err != nil {
			return err
		}
		return m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			return i.apply(ctx, cmd, &m, set.Resources)
		})(cmd, nil)
	}
	return cmd
}
