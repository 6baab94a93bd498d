package resource_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"gridmq/control/namespace"
	"gridmq/control/resource"
	"gridmq/store"
	"gridmq/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A tenant is a set on a memory store, with what Apply was told.
type tenant struct {
	*resource.Set
	store store.Store

	mu    sync.Mutex
	now   map[string]string // key -> stored JSON, kept up by changes
	order []string          // of changes, as "+clients/a"
}

func (x *tenant) apply(c resource.Change) {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := c.Namespace + "/" + c.Kind + "/" + c.Name
	old, had := x.now[key]
	if had != (c.Old != nil) || had && old != string(c.Old.Kind.Stored(c.Old.Noun)) {
		panic("Old of " + key + " is not what was told before")
	}
	if c.New == nil {
		delete(x.now, key)
		x.order = append(x.order, "-"+c.Kind+"/"+c.Name)
		return
	}
	x.now[key] = string(c.New.Kind.Stored(c.New.Noun))
	x.order = append(x.order, "+"+c.Kind+"/"+c.Name)
}

func (x *tenant) state() map[string]string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return maps.Clone(x.now)
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func open(t failer, s store.Store, change func(*resource.Options)) *tenant {
	t.Helper()
	x := &tenant{store: s, now: map[string]string{}}
	o := resource.Options{Store: s, Kinds: resource.Kinds(resource.Rules{}), Apply: x.apply}
	if change != nil {
		change(&o)
	}
	var err error
	if x.Set, err = resource.Open(context.Background(), o); err != nil {
		t.Fatalf("Open: %v", err)
	}
	return x
}

func fresh(t *testing.T, change func(*resource.Options)) *tenant {
	t.Helper()
	s := memory.New(memory.Options{})
	x := open(t, s, change)
	t.Cleanup(func() { _ = x.Close(); _ = s.Close() })
	return x
}

// put asks for "kind/name" in namespace plant; a namespace is "namespaces/plant".
func (x *tenant) put(path, body string) (*resource.Outcome, error) {
	return x.Put(context.Background(), x.ask(path, body))
}

func (x *tenant) ask(path, body string) resource.Put {
	kind, name, _ := strings.Cut(path, "/")
	return resource.Put{Request: resource.Request{Kind: x.Kind(kind), Namespace: "plant", Name: name,
		Actor: resource.Actor{Name: "ann", Type: "User"}}, Body: []byte(body), Subscription: "s", Group: "g"}
}

func (x *tenant) delete(path string) (*resource.Outcome, error) {
	return x.Delete(context.Background(), x.ask(path, "").Request)
}

func (x *tenant) must(t failer, path, body string) *resource.Outcome {
	t.Helper()
	out, err := x.put(path, body)
	if err != nil {
		t.Fatalf("put %s: %v", path, err)
	}
	return out
}

const (
	groupBody   = `{"properties":{"query":"attributes.kind = 'press'"}}`
	spaceBody   = `{"properties":{"topicTemplates":["a/#"]}}`
	bindingBody = `{"properties":{"clientGroupName":"presses","topicSpaceName":"telemetry","permission":"Publisher"}}`
)

func (x *tenant) plant(t failer) {
	x.must(t, "namespaces/plant", `{"location":"local"}`)
	x.must(t, "clientGroups/presses", groupBody)
	x.must(t, "topicSpaces/telemetry", spaceBody)
	x.must(t, "permissionBindings/b-1", bindingBody)
}

func reason(err error) string {
	if e, ok := errors.AsType[*resource.Error](err); ok {
		return fmt.Sprintf("%d %s", e.Reason, e.Target)
	}
	return fmt.Sprint(err)
}

func TestRefusals(t *testing.T) {
	x := fresh(t, nil)
	x.plant(t)
	x.must(t, "clients/a", `{"properties":{"authenticationName":"Straße"}}`)
	tests := map[string]struct {
		path, body string // a body of "delete" deletes
		want       resource.Reason
		target     string
	}{
		"group does not exist":   {"permissionBindings/b-2", strings.Replace(bindingBody, "presses", "ovens", 1), resource.Invalid, "properties.clientGroupName"},
		"space does not exist":   {"permissionBindings/b-2", strings.Replace(bindingBody, "telemetry", "other", 1), resource.Invalid, "properties.topicSpaceName"},
		"group is used":          {"clientGroups/PRESSES", "delete", resource.InUse, ""},
		"space is used":          {"topicSpaces/telemetry", "delete", resource.InUse, ""},
		"name, ignoring case":    {"clients/b", `{"properties":{"authenticationName":"strAßE"}}`, resource.Conflict, "properties.authenticationName"},
		"default name":           {"clients/STRASSE", `{"properties":{"authenticationName":"Straße"}}`, resource.Conflict, "properties.authenticationName"},
		"name is immutable":      {"clients/a", `{"properties":{"authenticationName":"other"}}`, resource.Invalid, "properties.authenticationName"},
		"bad name":               {"clientGroups/a_b", groupBody, resource.Invalid, "name"},
		"built-in group":         {"clientGroups/$all", groupBody, resource.Invalid, "name"},
		"not JSON":               {"clientGroups/g-1", `{`, resource.WrongType, ""},
		"not an object":          {"clientGroups/g-1", `[]`, resource.WrongType, ""},
		"properties is a text":   {"clientGroups/g-1", `{"properties":"x"}`, resource.WrongType, "properties"},
		"properties twice":       {"clientGroups/g-1", `{"properties":{},"Properties":{}}`, resource.WrongType, ""},
		"namespace is elsewhere": {"namespaces/PLANT", `{}`, resource.Conflict, "name"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := x.state()
			var err error
			if tt.body == "delete" {
				_, err = x.delete(tt.path)
			} else {
				ask := x.ask(tt.path, tt.body)
				if tt.path == "namespaces/PLANT" {
					ask.Group = "other"
				}
				_, err = x.Put(t.Context(), ask)
			}
			e, ok := errors.AsType[*resource.Error](err)
			if !ok || e.Reason != tt.want || e.Target != tt.target {
				t.Errorf("got %v (%s), want reason %d at %q", err, reason(err), tt.want, tt.target)
			}
			if !maps.Equal(before, x.state()) {
				t.Error("something was changed")
			}
		})
	}
}

func TestWhatMayGoGoes(t *testing.T) {
	x := fresh(t, nil)
	x.plant(t)
	for _, path := range []string{"permissionBindings/b-1", "clientGroups/presses", "topicSpaces/telemetry"} {
		if out, err := x.delete(path); err != nil || out.Old == nil {
			t.Errorf("delete %s: %+v, %v", path, out, err)
		}
		if out, err := x.delete(path); err != nil || out.Old != nil {
			t.Errorf("delete %s again: %+v, %v", path, out, err)
		}
	}
	x.must(t, "clients/a", `{"properties":{"authenticationName":"n"}}`)
	if _, err := x.delete("clients/a"); err != nil {
		t.Fatal(err)
	}
	x.must(t, "clients/b", `{"properties":{"authenticationName":"N"}}`) // the name is free again
}

func TestQuota(t *testing.T) {
	x := fresh(t, func(o *resource.Options) {
		o.Quota = func(_ *resource.Resource, k *resource.Kind) int {
			return map[string]int{"clientGroups": 10, "clients": 25}[k.Name]
		}
	})
	x.must(t, "namespaces/plant", `{}`)
	for kind, quota := range map[string]int{"clientGroups": 10, "clients": 25} {
		var made, refused sync.Map
		var all sync.WaitGroup
		for i := range 2 * quota {
			all.Go(func() {
				_, err := x.put(fmt.Sprintf("%s/new-%d", kind, i), groupBody)
				if e, ok := errors.AsType[*resource.Error](err); ok && e.Reason == resource.OverQuota {
					refused.Store(i, true)
				} else if err == nil {
					made.Store(i, true)
				} else {
					t.Errorf("%s %d: %v", kind, i, err)
				}
			})
		}
		all.Wait()
		if n := x.Count("plant", kind); n != quota || size(&made) != quota {
			t.Errorf("%d %s, %d answers of success, want %d", n, kind, size(&made), quota)
		}
	}
}

func size(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

// Many writers: every revision is used once, one authentication name has one
// client, a binding never outlives its group, and the image is what is stored.
func TestConcurrentWriters(t *testing.T) {
	x := fresh(t, nil)
	x.plant(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	used := map[uint64]int{}
	for w := range 4 {
		all.Go(func() {
			for i := range 40 {
				g := x.Get(resource.NewKey("plant", x.Kind("clientGroups"), "presses"))
				ask := x.ask("clientGroups/presses", fmt.Sprintf(`{"properties":{"query":"attributes.n = %d"}}`, w*1000+i))
				ask.Match.Revision = g.Revision
				if _, err := x.Put(t.Context(), ask); err == nil {
					mu.Lock()
					used[g.Revision]++
					mu.Unlock()
				}
				_, _ = x.put(fmt.Sprintf("clients/c%d-%d", w, i), fmt.Sprintf(`{"properties":{"authenticationName":"name-%d"}}`, i))
				_, _ = x.put("topicSpaces/other", spaceBody)
				_, _ = x.put(fmt.Sprintf("permissionBindings/b-w%d", w), strings.Replace(bindingBody, "telemetry", "other", 1))
				_, _ = x.delete("topicSpaces/other")
				_, _ = x.delete(fmt.Sprintf("permissionBindings/b-w%d", w))
				if _, err := x.delete("topicSpaces/telemetry"); err == nil {
					t.Error("a used topic space was deleted")
				}
			}
		})
	}
	all.Wait()
	for revision, n := range used {
		if n != 1 {
			t.Errorf("revision %d was replaced %d times", revision, n)
		}
	}
	if n := x.Count("plant", "clients"); n != 40 {
		t.Errorf("%d clients have the 40 names", n)
	}
	again := open(t, x.store, nil)
	defer again.Close()
	if !maps.Equal(again.state(), x.state()) {
		t.Error("a replay differs from what had been applied")
	}
}

func TestReplayInOrder(t *testing.T) {
	x := fresh(t, nil)
	x.plant(t)
	x.must(t, "clients/a", `{}`)
	x.must(t, "caCertificates/ca-1", `{"properties":{"encodedCertificate":"`+testCA+`"}}`)
	x.must(t, "bans/x", `{"properties":{"clientId":"x"}}`)
	again := open(t, x.store, nil)
	defer again.Close()
	want := []string{"+namespaces/plant", "+caCertificates/ca-1", "+clientGroups/presses", "+topicSpaces/telemetry",
		"+clients/a", "+permissionBindings/b-1", "+bans/x"}
	if !slices.Equal(again.order, want) {
		t.Errorf("replayed %q, want %q", again.order, want)
	}
}

func TestDeleteNamespace(t *testing.T) {
	x := fresh(t, nil)
	x.plant(t)
	for i := range 600 { // more than two batches
		x.must(t, fmt.Sprintf("clients/c%d", i), `{}`)
	}
	x.order = nil
	if _, err := x.delete("namespaces/plant"); err != nil {
		t.Fatal(err)
	}
	if left := x.state(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if first, last := x.order[0], x.order[len(x.order)-1]; first != "+namespaces/plant" || last != "-namespaces/plant" ||
		slices.Index(x.order, "-permissionBindings/b-1") > slices.Index(x.order, "-clientGroups/presses") {
		t.Errorf("deleted in the order %q", x.order)
	}
	for _, prefix := range []string{"c/", "ck/", "cv/"} {
		_ = x.store.List([]byte(prefix), nil, func(d store.Document) bool {
			t.Errorf("%s is still stored", d.Key)
			return true
		})
	}
	x.plant(t) // the name is free
}

// A deletion that was interrupted is finished by the next start.
func TestInterruptedDeletion(t *testing.T) {
	s := memory.New(memory.Options{})
	defer s.Close()
	x := open(t, s, nil)
	x.plant(t)
	ctx, cancel := context.WithCancel(t.Context())
	x.Set.Close()
	// The mark, as the first batch writes it, and nothing more.
	d, err := s.Get([]byte("c/plant/namespaces/plant"))
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	b.Put(d.Key, []byte(strings.Replace(string(d.Value), `"name":"plant"`, `"name":"plant","deleting":true`, 1)))
	if _, err := s.Commit(ctx, &b); err != nil {
		t.Fatal(err)
	}
	cancel()
	again := open(t, s, nil)
	defer again.Close()
	if left := again.state(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// When more changes come than may wait, the table is read again, and nothing is lost.
func TestBacklog(t *testing.T) {
	gate := make(chan struct{})
	first := true
	s := memory.New(memory.Options{})
	defer s.Close()
	x := &tenant{store: s, now: map[string]string{}}
	var err error
	x.Set, err = resource.Open(t.Context(), resource.Options{Store: s, Kinds: resource.Kinds(resource.Rules{}), Backlog: 4,
		Apply: func(c resource.Change) {
			if first {
				first = false
				<-gate
			}
			x.apply(c)
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	var all sync.WaitGroup
	all.Go(func() { x.must(t, "namespaces/plant", `{}`) })
	// Another node writes while this one is stuck.
	for i := range 20 {
		var b store.Batch
		b.Put(fmt.Appendf(nil, "c/plant/clients/n%d", i), fmt.Appendf(nil, `{"v":1,"name":"n%d","body":{}}`, i))
		if _, err := s.Commit(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	close(gate)
	all.Wait()
	x.must(t, "clients/last", `{}`)
	if n := x.Count("plant", "clients"); n != 21 || len(x.state()) != 22 {
		t.Errorf("%d clients, %d resources told, want 21 and 22", n, len(x.state()))
	}
}

func TestDryRun(t *testing.T) {
	x := fresh(t, func(o *resource.Options) {
		o.Impact = func(changes []resource.Change) (all resource.Impact) {
			for _, c := range changes {
				all.Add(resource.Effect{Client: c.Name, Loses: "connection"})
			}
			return all
		}
	})
	x.plant(t)
	before := x.state()
	ask := x.ask("clientGroups/presses", `{"properties":{"query":"attributes.kind = 'oven'"}}`)
	ask.DryRun = true
	out, err := x.Put(t.Context(), ask)
	if err != nil || out.Created() || out.Unchanged || !slices.Equal(out.Members, []string{"properties.query"}) || len(out.Impact.Effects) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	del := x.ask("namespaces/plant", "").Request
	del.DryRun = true
	if out, err := x.Delete(t.Context(), del); err != nil || out.Old == nil || len(out.Impact.Effects) == 0 {
		t.Errorf("%+v, %v", out, err)
	}
	if !maps.Equal(before, x.state()) {
		t.Error("a dry run changed something")
	}
}

// A random history agrees with a model, and a replay of its end does.
func TestHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := memory.New(memory.Options{})
		defer s.Close()
		x := open(t, s, nil)
		defer func() { _ = x.Close() }()
		x.must(t, "namespaces/plant", `{}`)
		groups, bindings := map[string]bool{}, map[string]string{}
		x.must(t, "topicSpaces/telemetry", spaceBody)
		names := rapid.SampledFrom([]string{"g-1", "G-1", "g-2", "g-3"})
		t.Repeat(map[string]func(*rapid.T){
			"put group": func(t *rapid.T) {
				name := names.Draw(t, "name")
				x.must(t, "clientGroups/"+name, groupBody)
				groups[strings.ToLower(name)] = true
			},
			"put binding": func(t *rapid.T) {
				name, group := names.Draw(t, "name"), names.Draw(t, "group")
				_, err := x.put("permissionBindings/"+name, strings.Replace(bindingBody, "presses", group, 1))
				if (err == nil) != groups[strings.ToLower(group)] {
					t.Fatalf("binding to %s: %v", group, err)
				}
				if err == nil {
					bindings[strings.ToLower(name)] = strings.ToLower(group)
				}
			},
			"delete group": func(t *rapid.T) {
				name := names.Draw(t, "name")
				used := slices.Contains(slices.Collect(maps.Values(bindings)), strings.ToLower(name))
				_, err := x.delete("clientGroups/" + name)
				if (err != nil) != used {
					t.Fatalf("delete %s, used %v: %v", name, used, err)
				}
				if err == nil {
					delete(groups, strings.ToLower(name))
				}
			},
			"delete binding": func(t *rapid.T) {
				name := names.Draw(t, "name")
				if _, err := x.delete("permissionBindings/" + name); err != nil {
					t.Fatal(err)
				}
				delete(bindings, strings.ToLower(name))
			},
			"restart": func(t *rapid.T) {
				before := x.state()
				_ = x.Close()
				x = open(t, s, nil)
				if !maps.Equal(before, x.state()) {
					t.Fatalf("after a restart %v, before %v", x.state(), before)
				}
			},
			"": func(t *rapid.T) {
				if n := x.Count("plant", "clientGroups"); n != len(groups) {
					t.Fatalf("%d groups, want %v", n, groups)
				}
				if n := x.Count("plant", "permissionBindings"); n != len(bindings) {
					t.Fatalf("%d bindings, want %v", n, bindings)
				}
			},
		})
	})
}

func TestNamespaceKeepsItsKeys(t *testing.T) {
	x := fresh(t, nil)
	before := x.must(t, "namespaces/plant", `{}`).New.Noun.(*namespace.Namespace)
	after := x.must(t, "namespaces/Plant", `{"tags":{"a":"b"}}`).New
	if n := after.Noun.(*namespace.Namespace); n.Keys != before.Keys || n.Keys[0] == "" || after.Name != "plant" {
		t.Errorf("keys changed, or the name: %q", after.Name)
	}
	out, err := x.Modify(t.Context(), x.ask("namespaces/plant", "").Request, func(n any) (any, error) {
		return n.(*namespace.Namespace).WithNewKey(0), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := out.New.Noun.(*namespace.Namespace); n.Keys[0] == before.Keys[0] || n.Keys[1] != before.Keys[1] {
		t.Error("key1 is the old one, or key2 is not")
	}
}
