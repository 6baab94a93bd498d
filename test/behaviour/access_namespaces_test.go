package behaviour

import (
	"testing"
	"time"

	manage "gridmq/control/client"
)

// Namespaces of one broker know nothing of each other.

// twin makes another namespace at the same broker, with the same CA, clients and
// certificates, in which everybody may do the same.
func (f *fleet) twin() *fleet {
	f.Helper()
	other := newFleet(f.env)
	other.badges = f.badges
	other.trust("the-ca", f.ca)
	openToAll(other)
	for name := range f.badges {
		other.register(name, object{})
	}
	return other
}

// TestAccessNamespacesApart: the same names, client identifiers, topics and
// certificates in two namespaces.
func TestAccessNamespacesApart(t *testing.T) {
	securedHere(t, func(f *fleet) {
		openToAll(f)
		f.client("press", nil)
		f.client("other", nil)
		g := f.twin()
		here, there := f.enter("press", login{durable: true}), g.enter("press", login{durable: true})
		for i, c := range []*client{here, there} {
			c.subscribe(1, "all/#")
			c.send(message{topic: "all/kept", payload: []string{"here", "there"}[i], qos: 1, retain: true})
		}
		here.want("here") // of the other nothing, not even a take-over
		there.want("there")
		here.silent()
		there.silent()
		there.leave()
		f.enter("other", login{}).publish(1, "all/1", "for here")
		here.want("for here")
		if again := g.enter("press", login{durable: true}); again.present {
			again.silent() // nothing had waited
		} else {
			f.Error("the session there is gone")
		}
		late := g.enter("other", login{})
		late.subscribe(1, "all/kept")
		if m := late.want("there")[0]; !m.retain {
			f.Errorf("%v, want it retained", m)
		}
		// Somebody else's session there, and nobody's here.
		if c, r := g.tryEnter("other", login{id: "press"}); c != nil || r.code != g.notAuthorized() {
			f.Errorf("the identifier of another's session there: %+v", r)
		}
		here.leave()
		for _, ns := range []*fleet{f, g} {
			sessions, err := ns.plane.Sessions(ns.Context(), ns.ns, manage.SessionFilter{ClientID: "press"})
			if err != nil || len(sessions) != 1 {
				f.Errorf("sessions of press in %s: %+v, %v", ns.ns, sessions, err)
			}
		}
		// What is changed here is not changed there.
		g.register("press", object{"state": "Disabled"})
		f.enter("press", login{durable: true}).publish(1, "all/1", "still")
		g.locked("press", login{}, `client "press" is disabled`)
		if got := f.refusal("press"); got != "" {
			f.Errorf("here the refusals have %q", got)
		}
	})
}

// TestAccessNamespaceByHost: which namespace it is says the server name of TLS, by
// the built-in host name or one of properties.gridmq.hosts; without one, the Host of
// the WebSocket request.
func TestAccessNamespaceByHost(t *testing.T) {
	securedHere(t, func(f *fleet) {
		openToAll(f)
		f.client("press", nil)
		g := f.twin()
		own := func(f *fleet) string { return "mqtt." + f.ns + ".example" }
		for _, ns := range []*fleet{f, g} {
			ns.configure(object{"gridmq": object{"hosts": []string{own(ns)}}})
			ns.enter("press", login{id: "of " + ns.ns})
		}
		is := func(what string, d door, ns *fleet) {
			f.Helper()
			d.badge = f.badges["press"]
			c, r := f.through(d, login{id: "finds"})
			if c == nil {
				f.Errorf("%s: %+v", what, r)
				return
			}
			defer c.drop()
			if _, err := ns.plane.Session(ns.Context(), ns.ns, "finds"); err != nil {
				f.Errorf("%s does not lead to %s: %v", what, ns.ns, err)
			}
			c.leave()
			f.away("finds")
			g.away("finds")
		}
		is("the built-in name", door{sni: f.ns + "." + fleetDomain}, f)
		is("the other's built-in name", door{sni: g.ns + "." + fleetDomain}, g)
		is("its own name", door{sni: own(f)}, f)
		is("the other's own name, in capitals", door{sni: "MQTT." + g.ns + ".Example"}, g)
		if f.transport == "wss" {
			is("the Host", door{sni: "-", host: own(f)}, f)
			is("the Host with a port", door{sni: "-", host: g.ns + "." + fleetDomain + ":443"}, g)
			is("the server name before the Host", door{sni: own(f), host: own(g)}, f)
		}
		for _, name := range []string{"nobody." + fleetDomain, "x." + f.ns + "." + fleetDomain, fleetDomain, "-"} {
			if c, r := f.through(door{badge: f.badges["press"], sni: name}, login{id: "lost"}); c != nil || r.code != f.notAuthorized() {
				f.Errorf("server name %q: %+v, want %#x", name, r, f.notAuthorized())
			}
		}
		// A name that is taken away leads nowhere, or to whom it was given.
		f.configure(object{"gridmq": object{"hosts": []string{}}})
		g.configure(object{"gridmq": object{"hosts": []string{own(f)}}})
		is("a name that was given to the other", door{sni: own(f)}, g)
		if err := f.tryPut(object{"location": "local", "properties": object{"gridmq": object{"hosts": []string{own(f)}}}}); err == nil {
			f.Error("a name can be in two namespaces")
		}
	})
}

// TestAccessNamespaceDisabled: the state Disabled closes and refuses; sessions wait.
func TestAccessNamespaceDisabled(t *testing.T) {
	securedHere(t, func(f *fleet) {
		openToAll(f)
		f.client("press", nil)
		f.client("other", nil)
		g := f.twin()
		c, there := f.enter("press", login{durable: true}), g.enter("press", login{})
		c.subscribe(1, "all/#")
		f.configure(object{"state": "Disabled"})
		d := c.end()
		if f.version == v5 && (d.code < 0x80 || d.reason == "") {
			f.Errorf("DISCONNECT %#x %q", d.code, d.reason)
		}
		want := byte(0x88)
		if f.version == v3 {
			want = 3
		}
		for _, l := range []login{{durable: true}, {id: "new"}} {
			if c, r := f.tryEnter("press", l); c != nil || r.code != want {
				f.Errorf("connect: %+v, want %#x", r, want)
			}
		}
		f.wantRefusal("new", "0x88", "disabled")
		if e := f.explain("press", "connect", ""); e.Allowed {
			f.Errorf("explain: %+v", e)
		}
		g.stays(there, "all/1")
		f.configure(nil)
		if c = f.enter("press", login{durable: true}); !c.present {
			f.Error("the session is gone")
		}
		f.enter("other", login{}).publish(1, "all/1", "again")
		c.want("again")
	})
}

// TestAccessNamespaceAgain: deleted and made again it is empty.
func TestAccessNamespaceAgain(t *testing.T) {
	securedOwn(t, func(f *fleet) {
		openToAll(f)
		f.client("press", nil)
		g := f.twin()
		there := g.enter("press", login{})
		c := f.enter("press", login{durable: true})
		c.subscribe(1, "all/1")
		c.leave()
		c = f.enter("press", login{id: "second", durable: true})
		c.subscribe(1, "all/2")
		c.send(message{topic: "all/kept", payload: "old", qos: 1, retain: true})
		c.publish(1, "all/1", "waits")
		f.remove()
		if d := c.end(); f.version == v5 && d.code < 0x80 {
			f.Errorf("DISCONNECT %#x %q", d.code, d.reason)
		}
		for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			if _, err := f.plane.Get(f.Context(), fleets.ID(f.ns)); manage.IsNotFound(err) {
				break
			} else if time.Now().After(end) {
				f.Fatalf("the namespace is still there: %v", err)
			}
		}
		if c, r := f.tryEnter("press", login{}); c != nil {
			f.Errorf("let into a namespace that is gone: %+v", r)
		}
		g.stays(there, "all/1")
		f.configure(nil)
		f.trust("fleet-ca", f.ca)
		f.locked("press", login{durable: true}, "no client has the authentication name")
		f.register("press", object{})
		if sessions, err := f.plane.Sessions(f.Context(), f.ns, manage.SessionFilter{}); err != nil || len(sessions) > 0 {
			f.Errorf("sessions in the new namespace: %+v, %v", sessions, err)
		}
		f.wants(`
			press  publish    all/1  no
			press  subscribe  all/1  no
		`)
		openToAll(f)
		c = f.enter("press", login{durable: true})
		if c.present {
			f.Error("a session of the old namespace is there")
		}
		c.subscribe(1, "all/#")
		c.silent() // nothing is retained
		if c := f.enter("press", login{id: "second", durable: true}); c.present {
			f.Error("a session of the old namespace is there")
		}
	})
}

// TestAccessNamespaceAgainRestart is that with a restart in between.
func TestAccessNamespaceAgainRestart(t *testing.T) {
	securedOwn(t, func(f *fleet) {
		openToAll(f)
		f.client("press", nil)
		c := f.enter("press", login{durable: true})
		c.subscribe(1, "all/1")
		c.send(message{topic: "all/kept", payload: "old", qos: 1, retain: true})
		c.leave()
		f.remove()
		f.house.restart(f.T)
		f.plane = planeOf(f.env)
		if _, err := f.plane.Get(f.Context(), fleets.ID(f.ns)); !manage.IsNotFound(err) {
			f.Errorf("the namespace after the restart: %v", err)
		}
		f.configure(nil)
		f.trust("fleet-ca", f.ca)
		f.register("press", object{})
		openToAll(f)
		if c = f.enter("press", login{durable: true}); c.present {
			f.Error("a session of the old namespace is there")
		}
		c.subscribe(1, "all/#")
		c.silent()
		f.house.restart(f.T)
		f.plane = planeOf(f.env)
		if c = f.enter("press", login{durable: true}); !c.present {
			f.Error("a session of the new namespace is gone")
		}
		c.publish(1, "all/1", "new")
		c.want("new")
	})
}

// TestAccessNamespaceChangedMeanwhile: who connects while a namespace is changed is
// let in.
func TestAccessNamespaceChangedMeanwhile(t *testing.T) {
	securedHere(t, func(f *fleet) {
		openToAll(f)
		f.client("press", nil)
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() { // until stop
			defer close(stopped)
			for i := 1; ; i++ {
				select {
				case <-stop:
					return
				default:
					if err := f.tryPut(object{"location": "local", "tags": object{"turn": string(rune('a' + i%26))}, "properties": object{
						"topicSpacesConfiguration": object{"state": "Enabled", "clientAuthentication": object{
							"alternativeAuthenticationNameSources": []string{"ClientCertificateSubject"}}}}}); err != nil {
						f.Errorf("PUT the namespace: %v", err)
						return
					}
				}
			}
		}()
		for range 25 {
			c, r := f.tryEnter("press", login{})
			if c == nil {
				f.Errorf("refused: %+v; the operator sees %q", r, f.refusal("press"))
				break
			}
			c.drop()
		}
		close(stop)
		<-stopped
	})
}

// TestAccessOtherNamespacesCA: a CA is trusted by the namespace it is registered in.
func TestAccessOtherNamespacesCA(t *testing.T) {
	secured(t, func(f *fleet) {
		f.client("press", nil)
		g := newFleet(f.env)
		g.badges = f.badges
		g.register("press", object{})
		g.locked("press", login{}, "not signed by a CA certificate")
		f.enter("press", login{})
	})
}
