package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	plane "gridmq/control/client"
)

// A home is where a namespace is.
type home struct {
	name  string // as it is stored
	place plane.Place
	shown *plane.Resource
}

// places knows where the namespaces are: people name them without that.
type places struct {
	c   *plane.Client
	all []home // in the order of their names; nil: not read yet
}

func (p *places) read(ctx context.Context) error {
	if p.all != nil {
		return nil
	}
	subs, err := p.c.List(ctx, "/subscriptions", "")
	if err != nil {
		return err
	}
	p.all = []home{}
	for _, sub := range subs {
		list, err := p.c.List(ctx, sub.ID+"/providers/Microsoft.EventGrid/namespaces", "")
		if err != nil {
			return err
		}
		for _, one := range list {
			parts := strings.Split(one.ID, "/") // "", subscriptions, s, resourceGroups, g, ...
			if len(parts) < 5 {
				return fmt.Errorf("the server shows a namespace with the id %q", one.ID)
			}
			p.all = append(p.all, home{one.Name, plane.Place{Subscription: parts[2], Group: parts[4]}, one})
		}
	}
	slices.SortFunc(p.all, func(a, b home) int { return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) })
	return nil
}

// find looks a namespace up in any case.
func (p *places) find(ctx context.Context, name string) (home, bool, error) {
	if err := p.read(ctx); err != nil {
		return home{}, false, err
	}
	for _, h := range p.all {
		if strings.EqualFold(h.name, name) {
			return h, true, nil
		}
	}
	return home{}, false, nil
}

func (p *places) names() string {
	var names []string
	for _, h := range p.all {
		names = append(names, h.name)
	}
	const most = 20
	if len(names) > most {
		names = append(names[:most], "...")
	}
	return strings.Join(names, ", ")
}

// home is the namespace that -n names, or the only one.
func (m *manageFlags) home(ctx context.Context) (home, error) {
	if m.namespace == "" {
		if err := m.places.read(ctx); err != nil {
			return home{}, err
		}
		switch len(m.places.all) {
		case 0:
			return home{}, &exitError{exitDenied, fmt.Errorf("there is no namespace that this token may see; make one with gridmq apply")}
		case 1:
			return m.places.all[0], nil
		}
		return home{}, fmt.Errorf("which namespace? -n NAME, of %s", m.places.names())
	}
	h, found, err := m.places.find(ctx, m.namespace)
	if err == nil && !found {
		err = &exitError{exitDenied, fmt.Errorf("there is no namespace %q; there are: %s", m.namespace, m.places.names())}
	}
	return h, err
}

// readBounded reads a small file.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return b, err
}

// printJSON writes a value for machines.
func printJSON(cmd *cobra.Command, v any) error {
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
