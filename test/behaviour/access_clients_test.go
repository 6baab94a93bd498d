package behaviour

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"gridmq/internal/authority"
)

// The operator changes clients and the CAs that their certificates are signed by:
// spec/identity.md, sections 1 to 3.

// openToAll lets all clients do all below all/.
func openToAll(f *fleet) {
	f.topicSpace("everything", "all/#")
	f.bind("$all", "Publisher", "everything")
	f.bind("$all", "Subscriber", "everything")
}

// locked proves that a client is not let in, and that the operator sees why.
func (f *fleet) locked(name string, l login, reason string) {
	f.Helper()
	c, r := f.tryEnter(name, l)
	if c != nil || r.code != f.notAuthorized() {
		f.Errorf("%s: let in or refused with %+v, want %#x", name, r, f.notAuthorized())
		return
	}
	if strings.Contains(r.reason, reason) && l.will == nil { // its own topic it may know
		f.Errorf("%s: it was told %q", name, r.reason)
	}
	f.wantRefusal(cmp.Or(l.id, name), "0x87", reason)
}

// TestAccessClientDisabled: it is cut off and cannot return until it is enabled. Its
// session waits for it.
func TestAccessClientDisabled(t *testing.T) {
	secured(t, func(f *fleet) {
		openToAll(f)
		f.client("one", nil)
		f.client("two", nil)
		one, two := f.enter("one", login{durable: true}), f.enter("two", login{})
		second := f.enter("one", login{id: "one-more"})
		one.subscribe(1, "all/1")
		f.register("one", object{"state": "Disabled"})
		for _, c := range []*client{one, second} { // all its sessions
			if d := c.wantEnd(0x87); f.version == v5 && !strings.Contains(d.reason, "disabled") {
				f.Errorf("DISCONNECT with the reason string %q", d.reason)
			}
		}
		f.locked("one", login{durable: true}, `client "one" is disabled`)
		f.locked("one", login{id: "another id"}, `client "one" is disabled`)
		if e := f.explain("one", publishes, "all/1"); e.Allowed || !strings.Contains(e.Reason, "disabled") {
			f.Errorf("explain: %+v", e)
		}
		two.publish(1, "all/1", "meanwhile")
		f.register("one", object{"state": "Enabled"})
		one = f.enter("one", login{durable: true})
		if !one.present {
			f.Error("the session is gone")
		}
		one.want("meanwhile")
		one.publish(1, "all/1", "back")
		one.want("back")
	})
}

// TestAccessClientDeleted: it is cut off, and nobody knows it any more.
func TestAccessClientDeleted(t *testing.T) {
	secured(t, func(f *fleet) {
		openToAll(f)
		f.client("one", nil)
		one := f.enter("one", login{})
		f.remove("clients", "one")
		one.wantEnd(0x87)
		f.locked("one", login{}, `no client has the authentication name "one"`)
		f.client("one", nil)
		f.enter("one", login{}).publish(1, "all/1", "new")
	})
}

// TestAccessAttributesEdited: a client moves between groups while it is connected.
func TestAccessAttributesEdited(t *testing.T) {
	secured(t, func(f *fleet) {
		for _, shift := range []string{"early", "late"} {
			f.clientGroup(shift, "attributes.shift = '"+shift+"'")
			f.topicSpace(shift, "shifts/"+shift+"/#", "halls/${client.attributes.hall}/"+shift)
			f.bind(shift, "Publisher", shift)
			f.bind(shift, "Subscriber", shift)
		}
		f.client("worker", object{"shift": "early", "hall": 4})
		c := f.enter("worker", login{durable: true})
		c.publish(1, "shifts/early/1", "m")

		// It has no subscription, so nothing is taken away from it: it stays.
		f.client("worker", object{"shift": "late", "hall": 4})
		f.stays(c, "shifts/late/1")
		c.subscribe(1, "shifts/late/1", "halls/4/late")
		if c.mayPublish("shifts/early/1") {
			f.Error("publish for the early shift is allowed on the live connection")
		}
		if f.version == v3 { // which it has lost by that
			c = f.enter("worker", login{durable: true})
		}
		c.publish(1, "shifts/late/1", "late")
		c.want("late")

		// A variable has another value.
		f.client("worker", object{"shift": "late", "hall": []string{"4", "5"}})
		c.publish(1, "halls/4/late", "both")
		c.want("both")
		c.publish(1, "halls/5/late", "both")
		f.client("worker", object{"shift": "late", "hall": 5})
		f.losesGrant(c, "halls/4/late")
		c = f.enter("worker", login{durable: true})
		c.publish(1, "shifts/late/1", "in hall 5")
		c.want("in hall 5")
		if c.mayPublish("halls/4/late") {
			f.Error("publish in hall 4 is allowed")
		}
		c = f.enter("worker", login{durable: true})
		f.client("worker", object{"shift": "early", "hall": 5})
		f.losesGrant(c, "shifts/late/1")
		f.wants(`
			worker  publish    shifts/early/1  yes
			worker  subscribe  halls/5/early   yes
			worker  publish    shifts/late/1   no
			worker  subscribe  halls/5/late    no
		`)
	})
}

// TestAccessThumbprintRotated: the next certificate is allowed beside the one in use,
// then alone.
func TestAccessThumbprintRotated(t *testing.T) {
	secured(t, func(f *fleet) {
		openToAll(f)
		allow := func(thumbprints ...string) {
			f.register("gate", object{"clientCertificateAuthentication": object{"validationScheme": "ThumbprintMatch", "allowedThumbprints": thumbprints}})
		}
		old := f.issueSelfSigned("gate")
		allow(old)
		f.badges["old gate"] = f.badges["gate"]
		first := f.enter("old gate", login{id: "first"})
		next := f.issueSelfSigned("gate") // which f.badges["gate"] is now
		f.locked("gate", login{}, "allows other thumbprints, not "+next)
		allow(old, next)
		f.stays(first, "all/1")
		second := f.enter("gate", login{id: "second"})
		allow(next)
		first.wantEnd(0x87)
		f.stays(second, "all/1")
		f.locked("old gate", login{id: "first"}, "allows other thumbprints, not "+old)
		allow(strings.ToUpper(next), authority.ShortThumbprint(f.badges["old gate"].Certificate))
		f.stays(second, "all/1")
		f.enter("old gate", login{id: "first"}).publish(1, "all/1", "SHA-1")
	})
}

// TestAccessSchemeChanged: the certificate in use does not fit any more.
func TestAccessSchemeChanged(t *testing.T) {
	secured(t, func(f *fleet) {
		openToAll(f)
		f.client("press", nil)
		c := f.enter("press", login{})
		f.register("press", object{"clientCertificateAuthentication": object{"validationScheme": "DnsMatchesAuthenticationName"}})
		c.wantEnd(0x87)
		f.locked("press", login{}, "DnsMatchesAuthenticationName")
		f.issue("press", authority.LeafOptions{Name: "press", DNS: []string{"other.example", "PRESS"}})
		c = f.enter("press", login{})
		f.register("press", object{"clientCertificateAuthentication": object{"validationScheme": "SubjectMatchesAuthenticationName"}})
		f.stays(c, "all/1")
	})
}

// TestAccessCADeleted: who was let in because of a CA goes with it, also when an
// intermediate had signed the certificate; others stay.
func TestAccessCADeleted(t *testing.T) {
	secured(t, func(f *fleet) {
		openToAll(f)
		old := newAuthority(f.env, "old CA")
		sub, err := old.NewIntermediate(authority.CAOptions{Name: "sub"})
		if err != nil {
			f.Fatal(err)
		}
		f.trust("old-ca", old)
		f.client("stays", nil)
		f.register("thumb", object{"clientCertificateAuthentication": object{"validationScheme": "ThumbprintMatch", "allowedThumbprints": []string{f.issueSelfSigned("thumb")}}})
		stays, thumb := f.enter("stays", login{}), f.enter("thumb", login{})
		var goes []*client
		for name, ca := range map[string]*authority.Authority{"direct": old, "indirect": sub} {
			f.register(name, object{})
			if f.badges[name], err = ca.NewClient(authorityLeaf(name)); err != nil {
				f.Fatal(err)
			}
			goes = append(goes, f.enter(name, login{durable: true}))
		}
		f.remove("caCertificates", "old-ca")
		for _, c := range goes {
			c.wantEnd(0x87)
			f.locked(c.id, login{durable: true}, "not signed by a CA certificate")
		}
		f.stays(stays, "all/1")
		f.stays(thumb, "all/1")
		f.trust("the-sub", sub) // the one that has signed is enough
		if c := f.enter("indirect", login{durable: true}); !c.present {
			f.Error("the session is gone")
		}
		f.locked("direct", login{durable: true}, "not signed by a CA certificate")
	})
}

// TestAccessWill: a will is published if its topic is allowed at the time.
func TestAccessWill(t *testing.T) {
	secured(t, func(f *fleet) {
		f.clientGroup("machines", "attributes.kind = 'machine'")
		f.topicSpace("lost", "lost/${client.authenticationName}")
		f.topicSpace("halls", "halls/${client.attributes.hall}/lost")
		f.topicSpace("see", "lost/+", "halls/#", "end")
		f.bind("machines", "Publisher", "lost")
		f.bind("machines", "Publisher", "halls")
		f.client("watcher", object{"kind": "watcher"})
		f.bind("$all", "Subscriber", "see")
		f.clientGroup("watchers", "attributes.kind = 'watcher'")
		f.bind("watchers", "Publisher", "see")
		watcher := f.enter("watcher", login{})
		watcher.subscribe(1, "lost/+", "halls/#")
		machine := func(name, topic string) *client {
			f.client(name, object{"kind": "machine", "hall": 4})
			return f.enter(name, login{will: &will{topic: topic, payload: name, qos: 1}})
		}

		f.client("liar", object{"kind": "machine", "hall": 4})
		for _, topic := range []string{"lost/other", "halls/5/lost"} { // it is not let in at all
			c, r := f.tryEnter("liar", login{will: &will{topic: topic, payload: "lie", qos: 1}})
			if c != nil || r.code != f.notAuthorized() {
				f.Errorf("a will on %s: %+v, want %#x", topic, r, f.notAuthorized())
			}
			f.wantRefusal("liar", "0x87", topic)
		}

		stays, gone := machine("stays", "lost/stays"), machine("gone", "halls/4/lost")
		moves, leaves := machine("moves", "halls/4/lost"), machine("leaves", "lost/leaves")
		deleted := machine("deleted", "lost/deleted")
		stays.drop()
		watcher.want("stays")

		f.client("moves", object{"kind": "machine", "hall": 5}) // the hall is not its own any more
		f.client("leaves", object{"kind": "retired"})           // in no group
		for _, c := range []*client{moves, leaves} {
			c.drop()
			f.away(c.id)
		}
		f.remove("clients", "deleted")
		deleted.wantEnd(0x87)
		f.away("deleted")
		f.unbind("machines", "Publisher", "halls")
		gone.drop()
		f.away("gone")
		watcher.publish(1, "lost/end", "end")
		watcher.want("end") // and none of the four
	})
}

// TestAccessWillDelayed: the binding goes between the end of the connection and the
// time of the will.
func TestAccessWillDelayed(t *testing.T) {
	securedFive(t, func(f *fleet) {
		f.topicSpace("lost", "lost/#")
		f.topicSpace("kept", "kept/#")
		f.topicSpace("see", "lost/#", "kept/#")
		f.bind("$all", "Publisher", "lost")
		f.bind("$all", "Publisher", "kept")
		f.bind("$all", "Subscriber", "see")
		for _, name := range []string{"watcher", "kept", "lost"} {
			f.client(name, nil)
		}
		watcher := f.enter("watcher", login{})
		watcher.subscribe(1, "lost/#", "kept/#")
		for delay := 1; ; delay *= 2 {
			begin := time.Now()
			for _, name := range []string{"lost", "kept"} {
				f.enter(name, login{durable: true, will: &will{topic: name + "/1", payload: name, qos: 1,
					props: &paho.WillProperties{WillDelayInterval: paho.Uint32(uint32(delay))}}}).drop()
				f.away(name)
			}
			f.unbind("$all", "Publisher", "lost")
			if time.Since(begin) < time.Duration(delay)*time.Second {
				break
			}
			for watcher.next().payload != "kept" { // the machine is busy: the time may have been over before
			}
			f.bind("$all", "Publisher", "lost")
		}
		watcher.want("kept")
		watcher.silent()
	})
}
