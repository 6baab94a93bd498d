package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	plane "gridmq/control/client"
	"gridmq/control/manifest"
)

// outputFlag is -o with one of a few words.
func outputFlag(cmd *cobra.Command, to *string, choices ...string) {
	cmd.Flags().StringVarP(to, "output", "o", choices[0], "`format`: "+strings.Join(choices, ", "))
}

func checkOutput(got string, choices ...string) error {
	for _, c := range choices {
		if got == c {
			return nil
		}
	}
	return fmt.Errorf("-o %s: want %s", got, strings.Join(choices, ", "))
}

func newGetCmd() *cobra.Command {
	var m manageFlags
	var output, filter, scope string
	cmd := &cobra.Command{
		Use:   "get KIND [NAME]",
		Short: "Show resources of a namespace",
		Long: `Show the resources of a kind, or one by its name, as the server has them. What -o yaml
and -o json print can be given to gridmq apply again.

The kinds are ` + strings.Join(manifest.KindNames(), ", ") + `;
plurals and short names (ns, ca, group, space, binding, subscription, role) are understood.
An EventSubscription and a CustomTopicSubscription are named with their topics, as
orders/billing. A CustomTopic belongs to no namespace.

` + manageHelp,
		Example: `  gridmq get clients -n plant
  gridmq get client press-07 -n plant -o yaml
  gridmq get clients --filter "contains(name,'press')"
  gridmq get namespaces -o json
  gridmq get eventsubscription orders/billing -n plant`,
		Args: cobra.RangeArgs(1, 2),
	}
	m.register(cmd, true)
	outputFlag(cmd, &output, "table", "yaml", "json")
	cmd.Flags().StringVar(&filter, "filter", "", "`expression` over names, as \"contains(name,'press') and name ne 'press-07'\"")
	cmd.Flags().StringVar(&scope, "scope", "", "of a RoleAssignment: a resource `id`, or one below the namespace such as topicSpaces/telemetry (default: all are searched)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkOutput(output, "table", "yaml", "json"); err != nil {
			return err
		}
		kind, err := kindNamed(args[0])
		if err != nil {
			return err
		}
		return m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			if len(args) == 2 {
				one, err := m.get(ctx, args[0], args[1], scope)
				if err != nil {
					return err
				}
				return printResources(cmd, output, kind, []*plane.Resource{one}, true)
			}
			stop := showProgress(cmd.ErrOrStderr(), func() string { return "reading ..." })
			list, err := m.list(ctx, kind, filter, scope)
			stop()
			if err != nil {
				return err
			}
			return printResources(cmd, output, kind, list, false)
		})(cmd, nil)
	}
	return cmd
}

// get reads one resource.
func (m *manageFlags) get(ctx context.Context, word, name, scope string) (*plane.Resource, error) {
	list, err := m.named(ctx, word, []string{name}, scope)
	if err != nil {
		return nil, err
	}
	a := newChanger(m, false)
	if list[0].Kind == manifest.Namespace {
		h, found, err := m.places.find(ctx, name)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, &exitError{exitDenied, fmt.Errorf("there is no namespace %q; there are: %s", name, m.places.names())}
		}
		return h.shown, nil
	}
	if list[0].Kind == manifest.RoleAssignment && scope == "" {
		return m.role(ctx, list[0])
	}
	id, err := a.id(ctx, list[0])
	if err != nil {
		return nil, err
	}
	r, err := m.client.Get(ctx, id)
	if plane.IsNotFound(err) {
		err = &exitError{exitDenied, fmt.Errorf("there is no %s", list[0])}
	}
	return r, err
}

// role finds a role assignment whose scope was not said: of the namespace, of something
// in it such as a topic space, or above.
func (m *manageFlags) role(ctx context.Context, wanted *manifest.Resource) (*plane.Resource, error) {
	h, err := m.home(ctx)
	if err != nil {
		return nil, err
	}
	all, err := m.assignments(ctx, h, "")
	if err != nil {
		return nil, err
	}
	var found []*plane.Resource
	var scopes []string
	for _, one := range all {
		if strings.EqualFold(one.Name, wanted.Name) {
			scope, _, _ := strings.Cut(one.ID, assignmentsBelow)
			found, scopes = append(found, one), append(scopes, scope)
		}
	}
	switch len(found) {
	case 0:
		return nil, &exitError{exitDenied, fmt.Errorf("there is no %s", wanted)}
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("which %s? Say --scope, of %s", wanted, strings.Join(scopes, ", "))
}

const assignmentsBelow = "/providers/Microsoft.Authorization/roleAssignments"

// assignments are the role assignments that concern a namespace: its own, those of what
// is in it, those above.
func (m *manageFlags) assignments(ctx context.Context, h home, filter string) ([]*plane.Resource, error) {
	return m.client.List(ctx, h.place.ID(h.name)+assignmentsBelow, filter)
}

// list reads all of a kind.
func (m *manageFlags) list(ctx context.Context, kind *manifest.Kind, filter, scope string) ([]*plane.Resource, error) {
	if kind == manifest.Namespace {
		if err := m.places.read(ctx); err != nil {
			return nil, err
		}
		var list []*plane.Resource
		for _, h := range m.places.all {
			list = append(list, h.shown)
		}
		return list, nil
	}
	if kind == manifest.RoleAssignment && strings.HasPrefix(scope, "/") {
		return m.client.List(ctx, strings.TrimSuffix(scope, "/")+assignmentsBelow, filter)
	}
	if kind.Apart {
		return m.places.apart(ctx, kind, filter)
	}
	h, err := m.home(ctx)
	if err != nil {
		return nil, err
	}
	return m.children(ctx, h, kind, filter)
}

// children are the resources of a kind in a namespace.
func (m *manageFlags) children(ctx context.Context, h home, kind *manifest.Kind, filter string) ([]*plane.Resource, error) {
	id := h.place.ID(h.name)
	if kind.Parent != nil {
		return m.grandchildren(ctx, h, kind, filter)
	}
	if kind != manifest.RoleAssignment {
		return m.client.List(ctx, id+"/"+kind.Collection, filter)
	}
	all, err := m.assignments(ctx, h, filter)
	if err != nil {
		return nil, err
	}
	inside := all[:0]
	for _, one := range all { // those above the namespace are not its own
		if len(one.ID) > len(id) && strings.EqualFold(one.ID[:len(id)], id) && one.ID[len(id)] == '/' {
			inside = append(inside, one)
		}
	}
	return inside, nil
}

// grandchildren are the resources of a kind below all of another, as the event
// subscriptions of all topics.
func (m *manageFlags) grandchildren(ctx context.Context, h home, kind *manifest.Kind, filter string) (all []*plane.Resource, err error) {
	parents, err := m.children(ctx, h, kind.Parent, "")
	for _, p := range parents {
		list, err := m.client.List(ctx, h.place.ID(h.name, kind.Parent.Collection, p.Name)+"/"+kind.Collection, filter)
		if plane.IsNotFound(err) { // it has gone meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, err
}

func printResources(cmd *cobra.Command, output string, kind *manifest.Kind, list []*plane.Resource, single bool) error {
	w := cmd.OutOrStdout()
	switch output {
	case "json":
		if single {
			return printJSON(cmd, list[0].Raw)
		}
		all := []json.RawMessage{}
		for _, r := range list {
			all = append(all, r.Raw)
		}
		return printJSON(cmd, all)
	case "yaml":
		for i, r := range list {
			if i > 0 {
				fmt.Fprintln(w, "---")
			}
			if err := manifest.WriteAnyYAML(w, object(r.Raw)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "there is none")
		return nil
	}
	return printTable(w, kind, list)
}
