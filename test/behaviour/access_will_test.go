package behaviour

import (
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// The right to publish a will is judged when the will is due: a client that has lost
// it by then says nothing any more, whatever took the right away.

// willDelay in seconds leaves time to take a right away, on a machine that is busy too.
const willDelay = 10

// losses are the ways to lose the right to publish to wills/<name>.
var losses = map[string]func(f *fleet, name string){
	"disabled": func(f *fleet, name string) {
		f.register(name, object{"state": "Disabled", "attributes": object{"kind": "sender"}})
	},
	"deleted": func(f *fleet, name string) { f.remove("clients", name) },
	"moved":   func(f *fleet, name string) { f.register(name, object{"attributes": object{"kind": "none"}}) },
}

// mourners is a fleet in which clients of a kind may have wills, and somebody looks
// at all wills. There is one client for each loss, and one that loses nothing.
func mourners(f *fleet) (watcher *client) {
	f.clientGroup("senders", `attributes.kind = "sender"`)
	f.clientGroup("watchers", `attributes.kind = "watcher"`)
	f.topicSpace("wills", "wills/${client.authenticationName}")
	f.topicSpace("all-wills", "wills/#")
	f.bind("senders", "Publisher", "wills")
	f.bind("watchers", "Subscriber", "all-wills")
	f.client("watcher", object{"kind": "watcher"})
	f.client("kept", object{"kind": "sender"})
	for name := range losses {
		f.client(name, object{"kind": "sender"})
	}
	watcher = f.enter("watcher", login{durable: true})
	watcher.subscribe(1, "wills/#")
	return watcher
}

// mourned is a client with a will; seconds of delay are for MQTT 5.
func (f *fleet) mourned(name string, delay uint32) *client {
	f.Helper()
	w := &will{topic: "wills/" + name, payload: name, qos: 1}
	if f.version == v5 && delay > 0 {
		w.props = &paho.WillProperties{WillDelayInterval: paho.Uint32(delay)}
	}
	return f.enter(name, login{will: w, durable: true})
}

// TestAccessWillOfWhoLeft: the right goes while the client is connected; its
// connection ends for that, or is lost later.
func TestAccessWillOfWhoLeft(t *testing.T) {
	secured(t, func(f *fleet) {
		watcher := mourners(f)
		kept := f.mourned("kept", 0)
		for name, lose := range losses {
			c := f.mourned(name, 0)
			lose(f, name)
			if name == "moved" { // it has no subscription that would end its connection
				c.drop()
			}
			f.away(name)
		}
		kept.drop()
		watcher.want("kept")
		watcher.silent()
	})
}

// TestAccessWillAfterDelay: the right goes while the will waits. Who has it back in
// time keeps the will.
func TestAccessWillAfterDelay(t *testing.T) {
	securedFive(t, func(f *fleet) {
		watcher := mourners(f)
		f.client("again", object{"kind": "sender"})
		for name := range losses {
			f.mourned(name, willDelay).drop()
			f.away(name)
		}
		f.mourned("again", willDelay).drop()
		f.away("again")
		losses["disabled"](f, "again")
		for name, lose := range losses {
			lose(f, name)
		}
		f.register("again", object{"attributes": object{"kind": "sender"}})
		f.mourned("kept", willDelay+1).drop() // due when all others were
		watcher.want("again")
		watcher.want("kept")
		watcher.silent()
	})
}

// TestAccessWillAfterRestart: the right goes, and the broker is not there when the
// will is due; or it goes while the will waits for that.
func TestAccessWillAfterRestart(t *testing.T) {
	securedOwn(t, func(f *fleet) {
		watcher := mourners(f)
		for name := range losses {
			f.mourned(name, willDelay).drop()
			if f.version == v5 {
				f.away(name)
			}
		}
		if f.version == v5 {
			for name, lose := range losses {
				lose(f, name)
			}
		} else { // 3.1.1 has no delay: these were right to speak
			watcher.wantAll("disabled", "deleted", "moved")
			for name, lose := range losses {
				f.mourned(name, 0)
				lose(f, name)
			}
		}
		f.mourned("kept", willDelay)
		watcher.leave()
		f.house.restart(f.T, func() {
			if f.version == v5 {
				time.Sleep(willDelay * time.Second)
			}
		})
		f.plane = planeOf(f.env)
		watcher = f.enter("watcher", login{durable: true})
		watcher.want("kept")
		watcher.silent()
	})
}
