package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	plane "gridmq/control/client"
	"gridmq/control/manifest"
)

// An exporter collects resources as the server shows them.
type exporter struct {
	m        *manageFlags
	reading  func(what string) // is told what is read now
	list     []*manifest.Resource
	withheld map[string][]string // what is secret -> whose
}

// everything adds a namespace with all that is in it.
func (x *exporter) everything(ctx context.Context, h home) error {
	for _, kind := range manifest.Kinds {
		if kind.Apart {
			continue
		}
		all := []*plane.Resource{h.shown}
		if kind != manifest.Namespace {
			x.reading(kind.Collection + " of " + h.name)
			var err error
			if all, err = x.m.children(ctx, h, kind, ""); err != nil {
				return fmt.Errorf("%s: %w", kind.Collection, err)
			}
		}
		if err := x.add(ctx, kind, all); err != nil {
			return err
		}
	}
	return nil
}

// everythingApart adds the resources beside namespaces, before them: they may route to
// those.
func (x *exporter) everythingApart(ctx context.Context) error {
	inside := x.list
	x.list = nil
	for _, kind := range manifest.Kinds {
		if !kind.Apart {
			continue
		}
		x.reading(kind.Collection + " beside namespaces")
		all, err := x.m.places.apart(ctx, kind, "")
		if err != nil {
			return fmt.Errorf("%s: %w", kind.Collection, err)
		}
		if err := x.add(ctx, kind, all); err != nil {
			return err
		}
	}
	x.list = append(x.list, inside...)
	return nil
}

// add adds resources as the server shows them.
func (x *exporter) add(ctx context.Context, kind *manifest.Kind, all []*plane.Resource) error {
	for _, one := range all {
		r, err := manifest.Shown(one.Raw)
		if err != nil {
			return fmt.Errorf("%s %s: %w", kind.Name, one.Name, err)
		}
		shown := object(one.Raw)
		secrets := manifest.Withheld(shown)
		if base := manifest.WebhookBase(shown); base != "" {
			full, err := x.m.client.FullURL(ctx, one.ID)
			if err == nil && full == base { // there is nothing secret about it
				r.SetWebhook(full)
				secrets = slices.DeleteFunc(secrets, func(s string) bool { return strings.Contains(s, base) })
			}
		}
		for _, what := range secrets {
			x.withhold(what, r)
		}
		switch kind {
		case manifest.Namespace, manifest.Topic, manifest.CustomTopic:
			x.withhold("the access keys; another server makes its own", r)
		}
		x.list = append(x.list, r)
	}
	return nil
}

func (x *exporter) withhold(what string, r *manifest.Resource) {
	if x.withheld == nil {
		x.withheld = map[string][]string{}
	}
	x.withheld[what] = append(x.withheld[what], r.String())
}

// withheldWords are lines for people: a fleet with passwords is one of them.
func (x *exporter) withheldWords() (list []string) {
	const most = 5
	for _, what := range slices.Sorted(maps.Keys(x.withheld)) {
		who := x.withheld[what]
		line := strings.Join(who[:min(len(who), most)], ", ")
		if more := len(who) - most; more > 0 {
			line += fmt.Sprintf(" and %d more", more)
		}
		list = append(list, printableText(line+": "+what, 1000))
	}
	return list
}

func (x *exporter) write(w io.Writer, format string, withheld []string) error {
	switch format {
	case "json":
		return manifest.WriteJSON(w, x.list)
	case "arm":
		return manifest.WriteARMWith(w, x.list, withheld)
	}
	for _, what := range withheld {
		if _, err := fmt.Fprintln(w, "# not exported:", what); err != nil {
			return err
		}
	}
	return manifest.WriteYAML(w, x.list)
}
