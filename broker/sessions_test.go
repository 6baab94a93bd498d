package broker

import (
	"testing"
	"time"

	"gridmq/mqtt"
	"gridmq/session"
)

// What is shown of a session: the keep alive in force, whoever chose it, and when a
// session that is away ends.
func TestSessionInfo(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		show := func(id string) SessionInfo {
			t.Helper()
			i, ok := h.b.Session("test", id)
			if !ok {
				t.Fatalf("no session of %q", id)
			}
			return i
		}
		for asked, want := range map[uint16]uint16{0: 300, 1: 1, 299: 299, 301: 300, 65535: 300} {
			for _, v := range []mqtt.Version{mqtt.V311, mqtt.V5} {
				d := h.dial(v).login("d", clean, keepAlive(asked))
				if got := show("d").KeepAlive; got != want {
					t.Errorf("keep alive of %v that asked for %d: %d, want %d", v, asked, got, want)
				}
				d.disconnect(mqtt.Success)
			}
		}
		d := h.connect("d", expiry(100), keepAlive(60))
		time.Sleep(10 * time.Second)
		if i := show("d"); !i.Ends.IsZero() || i.KeepAlive != 60 || i.Expiry != 100 {
			t.Errorf("connected: %+v, want no end", i)
		}
		d.lose()
		ends := time.Now().Add(100 * time.Second)
		time.Sleep(time.Second)
		if i := show("d"); !i.Ends.Equal(ends) || i.KeepAlive != 0 || i.Port != 0 {
			t.Errorf("away: ends at %v, keep alive %d, port %d; want %v and none", i.Ends, i.KeepAlive, i.Port, ends)
		}
		h.restart()
		if i := show("d"); !i.Ends.Equal(ends) {
			t.Errorf("after a restart: ends at %v, want %v", i.Ends, ends)
		}
		time.Sleep(time.Until(ends) + time.Millisecond)
		if _, ok := h.b.Session("test", "d"); ok {
			t.Error("it did not end when that was said")
		}
		h.connect("for ever", expiry(session.Never)).lose()
		if i := show("for ever"); !i.Ends.IsZero() {
			t.Errorf("a session that never ends does at %v", i.Ends)
		}
	}, func(l *Limits) { l.KeepAliveMaximum, l.SessionExpiryMaximum = 300, 0 })
}
