package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	plane "gridmq/control/client"
	"gridmq/control/manifest"
	"gridmq/control/manifest/mosquitto"
)

func newImportMosquittoCmd() *cobra.Command {
	var m manageFlags
	var i importFlags
	var o mosquitto.Options
	cmd := &cobra.Command{
		Use:   "mosquitto",
		Short: "Import users and rights of mosquitto",
		Long: `Import users and rights of mosquitto from its files: users become clients with their
passwords, rights become client groups, topic spaces and permission bindings.

The files are a password file and an ACL file, or that of the dynamic security plugin;
--config finds them.

A rule is taken over for each user by itself, if nothing denies a part of it. What
cannot be said here is told as "not imported", with file, line and reason: a rule that
another one narrows, rights of clients without a user name, %c. Nothing is opened that
mosquitto keeps closed. If something cannot be imported, nothing is, and the exit code
is 4, unless --partial says to import the rest. --dry-run changes nothing. An import may
be repeated; it deletes nothing.

` + manageHelp,
		Example: `  gridmq import mosquitto --password-file passwd --acl-file acl.txt --dry-run
  gridmq import mosquitto --password-file passwd --acl-file acl.txt -n plant
  gridmq import mosquitto --config /etc/mosquitto/mosquitto.conf --dry-run
  gridmq import mosquitto --dynamic-security dynamic-security.json --partial`,
		Args: cobra.NoArgs,
	}
	m.register(cmd, false)
	fs := cmd.Flags()
	fs.StringVarP(&m.namespace, "namespace", "n", "", "`namespace` to import into, which is made if it is not there (default: the only one there is)")
	fs.StringVar(&o.PasswordFile, "password-file", "", "`file` with users and hashed passwords")
	fs.StringVar(&o.ACLFile, "acl-file", "", "`file` with rights of users")
	fs.StringVar(&o.DynamicSecurity, "dynamic-security", "", "`file` of the dynamic security plugin (JSON), in the place of the other two")
	fs.StringVar(&o.Config, "config", "", "`file` mosquitto.conf, which names the others")
	fs.BoolVar(&o.AnyClientID, "any-client-id", false, "import clients that may log in with one client id only; here they may with any")
	i.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if o.PasswordFile == "" && o.ACLFile == "" && o.DynamicSecurity == "" && o.Config == "" {
			return errors.New("which files? --password-file, --acl-file, --dynamic-security, or --config for those that it names")
		}
		result, err := mosquitto.Import(o) // before anybody needs a server
		if err != nil {
			return err
		}
		var all []finding
		for _, r := range result.Remarks {
			all = append(all, finding{r.Lost, printableText(r.Error(), 2000)})
		}
		if err := i.report(cmd, all); err != nil {
			return err
		}
		return m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			list, err := settle(ctx, &m, result)
			if err != nil {
				return err
			}
			return i.apply(ctx, cmd, &m, list)
		})(cmd, nil)
	}
	return cmd
}

// settle brings resources into the namespace that is meant, which gets ready for them:
// one that is there keeps its settings, but that clients may have passwords.
func settle(ctx context.Context, m *manageFlags, from *mosquitto.Result) ([]*manifest.Resource, error) {
	ns := &manifest.Resource{Kind: manifest.Namespace, Name: m.namespace, Body: map[string]any{}}
	there := m.namespace == ""
	if !there {
		var err error
		if _, there, err = m.places.find(ctx, m.namespace); err != nil {
			return nil, err
		}
	}
	if there {
		h, err := m.home(ctx)
		if err != nil {
			return nil, err
		}
		shown, err := again(ctx, func() (*plane.Resource, error) { return m.client.Get(ctx, h.shown.ID) })
		if err != nil {
			return nil, err
		}
		if ns, err = manifest.Shown(shown.Raw); err != nil {
			return nil, err
		}
	}
	ns.Namespace = ns.Name
	for _, r := range from.Resources {
		r.Namespace = ns.Name
	}
	if there && !from.Passwords {
		return from.Resources, nil
	}
	properties := within(ns.Body, "properties")
	if !there {
		within(properties, "topicSpacesConfiguration")["state"] = "Enabled"
	}
	if from.Passwords {
		within(within(properties, "gridmq"), "passwords")["enabled"] = true
	}
	return append([]*manifest.Resource{ns}, from.Resources...), nil
}

// within is an object in an object, which is made if it is not there.
func within(o map[string]any, name string) map[string]any {
	in, ok := o[name].(map[string]any)
	if !ok {
		in = map[string]any{}
		o[name] = in
	}
	return in
}
