package behaviour

import (
	"strings"
	"testing"
	"time"
)

// What a change does not do, and what it would do.

// TestAccessUnconcerned: changes that take nothing away from a client leave its
// connection alone.
func TestAccessUnconcerned(t *testing.T) {
	secured(t, func(f *fleet) {
		reader(f)
		writer, c := f.enter("writer", login{}), f.enter("reader", login{})
		c.subscribe(1, "a/1", "b/1")
		f.client("neighbour", object{"kind": "reader"})
		steps := map[string]func(){
			"another client comes":       func() { f.client("other", object{"kind": "reader"}) },
			"another client is disabled": func() { f.register("other", object{"state": "Disabled"}) },
			"another client goes":        func() { f.remove("clients", "other") },
			"its description": func() {
				f.register("reader", object{"description": "a reader", "attributes": object{"kind": "reader"}})
			},
			"more attributes":             func() { f.client("reader", object{"kind": "reader", "hall": 4}) },
			"another query with it":       func() { f.clientGroup("readers", "attributes.kind IN ['reader', 'x']") },
			"a wider template":            func() { f.topicSpace("space-a", "a/#", "c/#", "d/#") },
			"a narrower one":              func() { f.topicSpace("space-a", "a/+", "c/#") },
			"another topic space":         func() { f.topicSpace("new", "new/#") },
			"a binding for others":        func() { f.bind("writers", "Subscriber", "new") },
			"that binding goes":           func() { f.unbind("writers", "Subscriber", "new") },
			"that topic space goes":       func() { f.remove("topicSpaces", "new") },
			"another CA comes":            func() { f.trust("second", newAuthority(f.env, "second")) },
			"another CA goes":             func() { f.remove("caCertificates", "second") },
			"a setting of the namespace":  func() { f.configure(object{"maximumClientSessionsPerAuthenticationName": 7}) },
			"the namespace, as it is now": func() { f.configure(object{"maximumClientSessionsPerAuthenticationName": 7}) },
		}
		for _, what := range []string{"another client comes", "another client is disabled", "another client goes", "its description", "more attributes",
			"another query with it", "a wider template", "a narrower one", "another topic space", "a binding for others", "that binding goes",
			"that topic space goes", "another CA comes", "another CA goes", "a setting of the namespace", "the namespace, as it is now"} {
			steps[what]()
			for _, topic := range []string{"a/1", "b/1"} {
				writer.publish(1, topic, what)
				select {
				case m := <-c.in:
					if m.payload != what || m.topic != topic {
						f.Errorf("after %s: got %v", what, m)
					}
				case d := <-c.down:
					f.Fatalf("%s: the connection ended: %+v", what, d)
				case <-time.After(patience):
					f.Fatalf("%s: nothing comes on %s", what, topic)
				}
			}
		}
		// A grant from two sides is there until both are gone.
		f.topicSpace("a-again", "a/+")
		f.bind("$all", "Subscriber", "a-again")
		f.unbind("readers", "Subscriber", "space-a")
		writer.publish(1, "a/1", "by the other")
		c.want("by the other")
		f.unbind("$all", "Subscriber", "a-again")
		f.losesGrant(c, "a/1")
	})
}

// TestAccessDryRun says beforehand who will be cut off.
func TestAccessDryRun(t *testing.T) {
	secured(t, func(f *fleet) {
		reader(f)
		writer, c := f.enter("writer", login{}), f.enter("reader", login{})
		c.subscribe(1, "a/1", "b/1")
		writer.subscribe(1, "a/1")
		id := fleets.ID(f.ns, "permissionBindings", bindingName("readers", "Subscriber", "space-a"))
		d, err := f.plane.DryRun(f.Context(), "DELETE", id, nil)
		if err != nil {
			f.Fatal(err)
		}
		if len(d.Effects) != 1 || d.Effects[0].Session != "reader" || !strings.Contains(d.Effects[0].Loses, "a/1") {
			f.Errorf("effects: %+v, want that the reader loses a/1", d.Effects)
		}
		writer.publish(1, "b/1", "nothing has happened")
		c.want("nothing has happened")
		f.unbind("readers", "Subscriber", "space-a")
		f.losesGrant(c, "a/1")
		f.stays(writer, "a/1")
	})
}
