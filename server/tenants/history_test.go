package tenants

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"gridmq/broker"
	"gridmq/control"
	"gridmq/control/resource"
	"gridmq/mqtt"
)

func visitOf(client string) broker.Visit {
	return broker.Visit{Namespace: "plant", ClientID: client, Version: mqtt.V5, Transport: "tls", Address: netip.MustParseAddr("192.0.2.1"),
		Identity: &broker.Identity{Name: "name of " + client}}
}

func (b *bench) history(client string) []control.HistoryEvent {
	b.Helper()
	list, err := b.t.History(b.Context(), "PLANT", client, 100_000)
	if err != nil {
		b.Fatal(err)
	}
	return list
}

func historyBench(t *testing.T) *bench {
	b := newBench(t)
	b.t.Apply(resource.Change{Namespace: "plant", Kind: resource.Namespaces, Name: "plant", New: b.resource.Load()})
	return b
}

func TestHistory(t *testing.T) {
	b := historyBench(t)
	b.t.Connected(visitOf("lamp"))
	b.t.Disconnected(visitOf("lamp"), "protocol_error", &mqtt.Error{Op: "decode", Code: mqtt.MalformedPacket, Err: errors.New("bad bits")})
	b.t.Connected(visitOf("other"))
	for range 3 {
		b.t.refuse("plant", "lamp")
	}
	got := b.history("lamp")
	if len(got) != 3 || got[0].Event != control.WasRefused || got[0].Count != 3 || got[1].Event != control.WasDisconnected ||
		got[1].Code != "0x81" || got[2].Event != control.WasConnected || got[2].Protocol != "MQTT5" || got[2].Remote != "192.0.2.1" {
		t.Errorf("history of lamp: %+v", got)
	}
	if got := b.history("NAME OF lamp"); len(got) != 2 {
		t.Errorf("by the authentication name: %+v", got)
	}
	if got := b.history(""); len(got) != 4 || got[1].ClientID != "other" {
		t.Errorf("of all: %+v", got)
	}
	if got, _ := b.t.History(t.Context(), "nowhere", "", 10); len(got) != 0 {
		t.Errorf("of no namespace: %+v", got)
	}
	b.t.Apply(resource.Change{Namespace: "plant", Kind: resource.Namespaces, Name: "plant"})
	b.t.Connected(visitOf("late"))
	if got := b.history(""); len(got) != 0 {
		t.Errorf("of a namespace that is gone: %+v", got)
	}
}

// What an operator said is in the history: as much of it as has room, in one line.
func TestHistoryReason(t *testing.T) {
	b := historyBench(t)
	said := func(text string) error {
		return &mqtt.Error{Op: "end connection", Code: mqtt.AdministrativeAction, Err: errors.New(text)}
	}
	b.t.Connected(visitOf("lamp"))
	b.t.Disconnected(visitOf("lamp"), "administrative", said("firmware\x1b[2J\nupdate "+strings.Repeat("\u00e9", 1000)))
	got := b.history("lamp")[0]
	if got.Code != "0x98" || !strings.HasPrefix(got.Reason, "administrative: ") || !strings.Contains(got.Reason, "firmware [2J update") {
		t.Errorf("disconnected because of %q %q", got.Code, got.Reason)
	}
	if len(got.Reason) > 600 || !utf8.ValidString(got.Reason) || strings.ContainsFunc(got.Reason, unicode.IsControl) {
		t.Errorf("%d bytes, valid: %v: %q", len(got.Reason), utf8.ValidString(got.Reason), got.Reason)
	}
}

// Everything has a bound, and whoever tries names or uses another's name pushes out
// nothing that a client has done.
func TestHistoryBounds(t *testing.T) {
	b := historyBench(t)
	b.t.Connected(visitOf("lamp"))
	for i := range 10 * strangersKept {
		b.t.refuse("plant", fmt.Sprint("guess", i))
	}
	for i := range 1000 {
		v := visitOf("lamp")
		v.Identity = nil
		b.t.Refused(v, fmt.Errorf("attempt %d", i))
	}
	if got := b.history("lamp"); len(got) != refusalsOfOne+1 || got[refusalsOfOne].Event != control.WasConnected {
		t.Errorf("lamp: %d events, want its own and %d refusals", len(got), refusalsOfOne)
	}
	if n := len(b.history("")); n != strangersKept+refusalsOfOne+1 {
		t.Errorf("%d events of all", n)
	}
	for range 10 * clientKept {
		b.t.Connected(visitOf("busy"))
	}
	if got := b.history("busy"); len(got) != clientKept {
		t.Errorf("busy: %d events, want %d", len(got), clientKept)
	}
	for i := range 2 * historyKept {
		b.t.Connected(visitOf(fmt.Sprint("c", i)))
	}
	if n := len(b.history("")); n != historyKept+strangersKept {
		t.Errorf("%d events of all, want %d", n, historyKept+strangersKept)
	}
	h := b.t.histories.of("plant")
	if n := len(h.clients); n != h.shelves[0].order.Len()+h.shelves[1].order.Len() {
		t.Errorf("%d clients, %d and %d on shelves", n, h.shelves[0].order.Len(), h.shelves[1].order.Len())
	}
}

// What a connection pays for being remembered.
func BenchmarkHistory(b *testing.B) {
	h := &history{clients: map[string]*visitor{}}
	for i := 0; b.Loop(); i++ {
		h.add(fmt.Sprint("client-", i%20_000), happening{what: control.WasConnected})
	}
}
