package server

import (
	"crypto/tls"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gridmq/control"
	"gridmq/control/resource"
	"gridmq/internal/authority"
	"gridmq/store"
	"gridmq/store/memory"
)

// A start is a management plane over a store and a directory that survive it.
type start struct {
	*testing.T
	store store.Store
	dir   string
}

func newStart(t *testing.T) *start {
	t.Helper()
	s := &start{t, memory.New(memory.Options{}), filepath.Join(t.TempDir(), QuickstartNamespace)}
	t.Cleanup(func() { _ = s.store.Close() })
	return s
}

// run is one start: change is made first, and cut ends it before a step.
func (s *start) run(cut string, change func(*control.Plane)) (steps []string, resources map[string]string) {
	s.Helper()
	plane, err := control.Open(s.Context(), control.Options{Store: s.store})
	if err != nil {
		s.Fatal(err)
	}
	defer plane.Close()
	if change != nil {
		change(plane)
	}
	killed := errors.New("killed")
	q := &quickstart{plane: plane, dir: s.dir, before: func(step string) error {
		if step == cut {
			return killed
		}
		steps = append(steps, step)
		return nil
	}}
	if err := q.run(s.Context()); err != nil && !errors.Is(err, killed) {
		s.Fatalf("after a start that was cut: %v", err)
	}
	resources = map[string]string{}
	set := plane.Resources()
	for _, kind := range set.Kinds() {
		for _, ns := range []string{QuickstartNamespace, resource.Process} {
			set.List(ns, kind, "", "", func(string) bool { return true }, func(r *resource.Resource) bool {
				if kind.Name != "caCertificates" { // another CA is as good
					resources[kind.Name+" "+r.Name] = string(kind.Stored(r.Noun))
				} else {
					resources[kind.Name+" "+r.Name] = "a CA"
				}
				return true
			})
		}
	}
	return steps, resources
}

// complete says whether all certificates are there, and of the authority that the
// namespace knows.
func (s *start) complete() {
	s.Helper()
	ca, err := authority.Load(s.dir)
	if err != nil {
		s.Fatal(err)
	}
	for _, c := range quickstartClients {
		pair, err := tls.LoadX509KeyPair(filepath.Join(s.dir, c.name+".pem"), filepath.Join(s.dir, c.name+".key"))
		if err != nil {
			s.Fatal(err)
		}
		if err := pair.Leaf.CheckSignatureFrom(ca.Certificate); err != nil {
			s.Errorf("%s: %v", c.name, err)
		}
	}
	if there(filepath.Join(s.dir, quickstartBegun)) || !there(filepath.Join(s.dir, quickstartDone)) {
		s.Error("the marks do not say that it is complete")
	}
}

// A quickstart that ends before any of its steps is completed by the next start.
func TestQuickstartIsCompleted(t *testing.T) {
	whole := newStart(t)
	steps, want := whole.run("", nil)
	whole.complete()
	if len(want) < len(quickstartResources)+len(quickstartClients)+2 || len(steps) < 10 {
		t.Fatalf("steps %q made %q", steps, want)
	}
	for _, cut := range steps {
		t.Run(cut, func(t *testing.T) {
			s := newStart(t)
			s.run(cut, nil)
			_, got := s.run("", nil)
			s.complete()
			keys := func(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
			if !slices.Equal(keys(got), keys(want)) {
				t.Errorf("there is %q, want %q", keys(got), keys(want))
			}
			if again, _ := s.run("", nil); len(again) != 0 {
				t.Errorf("the next start does %q", again)
			}
		})
	}
}

// Files that were being written when the process ended are made again.
func TestQuickstartHalfWritten(t *testing.T) {
	for file, next := range map[string]string{
		authority.KeyFile: "certificate of press-1", authority.CertFile: "certificate of press-1",
		"press-1.key": "certificate of press-2", "press-1.pem": "certificate of press-2",
	} {
		for name, size := range map[string]int64{"empty": 0, "half": 60} {
			t.Run(file+" "+name, func(t *testing.T) {
				s := newStart(t)
				s.run(next, nil)
				if err := os.Truncate(filepath.Join(s.dir, file), size); err != nil {
					t.Fatal(err)
				}
				if filepath.Ext(file) == ".key" || file == authority.KeyFile { // keys come first
					other := map[string]string{authority.KeyFile: authority.CertFile, "press-1.key": "press-1.pem"}[file]
					if err := os.Remove(filepath.Join(s.dir, other)); err != nil {
						t.Fatal(err)
					}
				}
				s.run("", nil)
				s.complete()
			})
		}
	}
}

// What was changed or deleted once it was complete stays as it is, and so does what
// was changed while it was not.
func TestQuickstartLeavesAlone(t *testing.T) {
	put := func(p *control.Plane, kind, name, body string) {
		t.Helper()
		set := p.Resources()
		if _, err := set.Put(t.Context(), resource.Put{Body: []byte(body), Request: resource.Request{Kind: set.Kind(kind), Namespace: QuickstartNamespace, Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(p *control.Plane, kind, name string) {
		t.Helper()
		set := p.Resources()
		if _, err := set.Delete(t.Context(), resource.Request{Kind: set.Kind(kind), Namespace: QuickstartNamespace, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	const oven = `{"properties":{"query":"attributes.kind = 'oven'"}}`
	t.Run("complete", func(t *testing.T) {
		s := newStart(t)
		s.run("", nil)
		_, got := s.run("", func(p *control.Plane) {
			put(p, "clientGroups", "machines", oven)
			remove(p, "clients", "press-2")
		})
		if _, there := got["clients press-2"]; there || got["clientGroups machines"] == "" {
			t.Errorf("%q", got)
		}
		if _, got = s.run("", func(p *control.Plane) { remove(p, resource.Namespaces, QuickstartNamespace) }); got["namespaces quickstart"] != "" {
			t.Error("the namespace is there again")
		}
	})
	t.Run("not complete", func(t *testing.T) {
		s := newStart(t)
		s.run("clients press-2", nil)
		var before string
		_, got := s.run("", func(p *control.Plane) {
			put(p, "clientGroups", "machines", oven)
			set := p.Resources()
			before = string(set.Kind("clientGroups").Stored(set.Get(resource.NewKey(QuickstartNamespace, set.Kind("clientGroups"), "machines")).Noun))
		})
		if got["clientGroups machines"] != before || got["clients press-2"] == "" {
			t.Errorf("%q", got)
		}
	})
	t.Run("of a version without marks", func(t *testing.T) {
		s := newStart(t)
		s.run("", nil)
		if err := os.Remove(filepath.Join(s.dir, quickstartDone)); err != nil {
			t.Fatal(err)
		}
		if steps, got := s.run("", func(p *control.Plane) { remove(p, "clients", "press-2") }); len(steps) != 0 || got["clients press-2"] != "" {
			t.Errorf("%q %q", steps, got)
		}
	})
}
