package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/spf13/cobra"

	"gridmq/control/manifest"
)

// fileFlags say which documents are meant; apply and delete share them.
type fileFlags struct {
	files           []string
	subscription    string
	group           string
	location        string
	parameters      []string
	parameterFiles  []string
	skipUnsupported bool
}

func (f *fileFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVarP(&f.files, "file", "f", nil, "`file` with documents, a directory of them, or - for standard input; may be repeated")
	fs.StringVar(&f.subscription, "subscription", "", "`subscription` of new namespaces, and of templates (default: the server's)")
	fs.StringVar(&f.group, "resource-group", "", "resource `group` of new namespaces, and of templates (default: the server's)")
	fs.StringVar(&f.location, "location", "", "`location` of new namespaces that do not say it, and of templates (default: the server's)")
	fs.StringArrayVar(&f.parameters, "parameter", nil, "`name=value` of a template's parameter; may be repeated")
	fs.StringArrayVar(&f.parameterFiles, "parameter-file", nil, "`file` with parameters of a template; may be repeated")
	fs.BoolVar(&f.skipUnsupported, "skip-unsupported", false, "leave out resources of types that are not known here")
}

// read reads all documents. More files are arguments, since shells expand *.yaml.
func (f *fileFlags) read(cmd *cobra.Command, namespace string, more []string) ([]*manifest.Resource, error) {
	set, err := f.set(cmd, namespace, more, f.skipUnsupported)
	if err != nil {
		return nil, err
	}
	for _, s := range set.Skipped {
		fmt.Fprintln(cmd.ErrOrStderr(), "gridmq: warning:", s)
	}
	if len(set.Resources) == 0 {
		return nil, errors.New("there is no resource in what was given")
	}
	return set.Resources, nil
}

// set is read, with what was skipped.
func (f *fileFlags) set(cmd *cobra.Command, namespace string, more []string, skip bool) (*manifest.Set, error) {
	o := manifest.Options{Namespace: namespace, Subscription: f.subscription, Group: f.group, Location: f.location,
		Parameters: map[string]any{}, SkipUnsupported: skip, Stdin: cmd.InOrStdin()}
	for _, path := range f.parameterFiles {
		values, err := manifest.ReadParameters(path)
		if err != nil {
			return nil, err
		}
		maps.Copy(o.Parameters, values)
	}
	for _, one := range f.parameters {
		name, value, ok := strings.Cut(one, "=")
		if !ok {
			return nil, fmt.Errorf("--parameter %q: want name=value", one)
		}
		o.Parameters[name] = value
	}
	files, err := manifest.Files(append(append([]string{}, f.files...), more...))
	if err != nil {
		return nil, err
	}
	return manifest.ReadFiles(files, o)
}

func newApplyCmd() *cobra.Command {
	var m manageFlags
	var f fileFlags
	var dryRun, quiet bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE...",
		Short: "Make the resources of namespaces what files say",
		Long: `Make the resources of namespaces what files say: what is not there is created, what is
different is changed, the rest is left alone. Nothing is deleted. Files are YAML or
JSON, with any number of documents; namespaces come first, then topics and what bindings
refer to, then bindings, event subscriptions, and role assignments, whatever the order of
the files. A namespace that routes to a topic of its own is completed after its topics.

A document is a resource (kind, namespace, name, properties; gridmq export writes
them), a template of Azure Resource Manager as Azure exports it or Bicep compiles to
(parameters, variables, loops and simple expressions are resolved), or a resource as
az and gridmq get show it. The kinds are
` + strings.Join(manifest.KindNames(), ", ") + `.

--dry-run changes nothing and shows the difference, and which live clients would lose
what. Each change is judged by itself, as if it were the only one.

Changes act at once, also on clients that are connected. Somebody else's change in
between is not written over: apply then fails for that resource, and can be repeated.

` + manageHelp,
		Example: `  gridmq apply -f plant.yaml
  gridmq apply --dry-run -f manifests/            # all files in a directory
  gridmq apply -n plant -f - <<END
  kind: CACertificate
  name: plant-ca
  properties:
    encodedCertificateFile: ca/ca.pem             # or encodedCertificate with the PEM itself
  ---
  kind: Client
  name: press-07
  properties:
    attributes: {kind: press, floor: 2}
  ---
  kind: ClientGroup
  name: presses
  properties:
    query: attributes.kind = "press"
  ---
  kind: TopicSpace
  name: telemetry
  properties:
    topicTemplates: ['plant/${client.authenticationName}/telemetry/#']
  ---
  kind: PermissionBinding
  name: presses-telemetry
  properties: {clientGroupName: presses, topicSpaceName: telemetry, permission: Publisher}
  ---
  kind: Topic
  name: orders
  properties: {eventRetentionInDays: 7}
  ---
  kind: EventSubscription
  name: orders/billing
  properties:
    deliveryConfiguration: {deliveryMode: Queue, queue: {eventTimeToLive: P1D}}
  END
  gridmq apply -f template.json --parameter namespaceName=plant`,
	}
	m.register(cmd, false)
	f.register(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&m.namespace, "namespace", "n", "", "`namespace` of documents that do not name one")
	fs.BoolVar(&dryRun, "dry-run", false, "change nothing; show what would change and who would lose what")
	fs.BoolVarP(&quiet, "quiet", "q", false, "say nothing about resources that are as they should be")
	cmd.Args = filesNeeded(&f)
	cmd.RunE = func(cmd *cobra.Command, more []string) error {
		list, err := f.read(cmd, m.namespace, more) // before anybody needs a server
		if err != nil {
			return err
		}
		return m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			errs := &lockedWriter{w: cmd.ErrOrStderr()}
			t := &teller{out: cmd.OutOrStdout(), errs: errs, dryRun: dryRun, quiet: quiet}
			stop := func() {}
			if quiet { // else each line is progress
				stop = showProgress(errs, func() string { return fmt.Sprintf("%d of %d resources", t.told.Load(), len(list)) })
			}
			err := newChanger(&m, dryRun).apply(ctx, list, t.tell)
			stop()
			return t.finish(err)
		})(cmd, nil)
	}
	return cmd
}

// filesNeeded lets arguments be files once -f is there.
func filesNeeded(f *fileFlags) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(f.files) > 0 {
			return nil
		}
		if len(args) > 0 {
			return fmt.Errorf("files are named with -f: -f %s", args[0])
		}
		return errors.New("which files? -f FILE, or -f - for standard input")
	}
}
