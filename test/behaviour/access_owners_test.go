package behaviour

import (
	"testing"

	"github.com/eclipse/paho.golang/paho"
)

// Whose session it is, and how many somebody may have: spec/mqtt-protocol.md,
// section 10.

// TestAccessSessionsOwner: a client identifier belongs to the client that has a
// session with it, until the session ends.
func TestAccessSessionsOwner(t *testing.T) {
	secured(t, func(f *fleet) {
		openToAll(f)
		f.client("press", nil)
		f.client("thief", nil)
		owner := f.enter("press", login{id: "the-id", durable: true})
		owner.subscribe(1, "all/1")
		const reason = "belongs to another client's session"
		for _, l := range []login{{id: "the-id"}, {id: "the-id", durable: true}, {id: "the-id", durable: true, fresh: true}} {
			if c, r := f.tryEnter("thief", l); c != nil || r.code != f.notAuthorized() {
				f.Errorf("%+v by somebody else: %+v, want %#x", l, r, f.notAuthorized())
			}
		}
		f.wantRefusal("the-id", "0x87", reason)
		owner.publish(1, "all/1", "undisturbed")
		owner.want("undisturbed")
		owner.leave()
		if c, r := f.tryEnter("thief", login{id: "the-id"}); c != nil || r.code != f.notAuthorized() {
			f.Errorf("while its owner is away: %+v", r)
		}
		owner = f.enter("press", login{id: "the-id", durable: true})
		if !owner.present {
			f.Error("the session is gone")
		}
		// The same client by another certificate, and in other letters, takes it over.
		f.issue("press", authorityLeaf("PRESS"))
		second := f.enter("press", login{id: "the-id", durable: true})
		owner.wantEnd(0x8E)
		if !second.present {
			f.Error("the session is not the same")
		}
		second.publish(1, "all/1", "taken over")
		second.want("taken over")
		second.leave()
		f.enter("press", login{id: "the-id"}).leave() // a clean one, and over
		f.enter("thief", login{id: "the-id"})
	})
}

// TestAccessSessionsPerName: how many sessions a client may have, of those that wait
// for it too.
func TestAccessSessionsPerName(t *testing.T) {
	secured(t, func(f *fleet) {
		f.configure(object{"maximumClientSessionsPerAuthenticationName": 2})
		openToAll(f)
		f.client("press", nil)
		f.client("other", nil)
		one := f.enter("press", login{id: "one", durable: true})
		two := f.enter("press", login{id: "two"})
		want := byte(0x97)
		if f.version == v3 {
			want = 3
		}
		three := func() (*client, result) { return f.tryEnter("press", login{id: "three"}) }
		if c, r := three(); c != nil || r.code != want {
			f.Errorf("a third session: %+v, want %#x", r, want)
		}
		f.wantRefusal("three", "0x97", "maximum of sessions")
		f.enter("other", login{}) // which has its own
		one.leave()
		if c, r := three(); c != nil || r.code != want {
			f.Errorf("a third session while one is away: %+v, want %#x", r, want)
		}
		f.enter("press", login{id: "one", durable: true}) // is no more than before
		two.leave()
		c, r := three()
		if c == nil {
			f.Errorf("after one has ended: %+v", r)
		}
		f.configure(object{"maximumClientSessionsPerAuthenticationName": 3})
		f.enter("press", login{id: "four"})
		if f.version == v5 {
			c.leaveWith(&paho.Disconnect{ReasonCode: 4}) // with the will, which there is none of
			f.enter("press", login{id: "five"})
		}
	})
}
