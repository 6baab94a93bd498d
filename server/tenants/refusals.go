package tenants

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"gridmq/broker"
	"gridmq/control"
	"gridmq/identity"
	"gridmq/mqtt"
)

// refusalsKept bounds the refusals that are remembered, of all namespaces together.
// One that comes again counts up; the one that has not come for longest goes first.
const refusalsKept = 5000

type refusalKey struct{ namespace, client, name, address, reason string }

type refusals struct {
	mu    sync.Mutex
	known map[refusalKey]*control.Refusal
	order []refusalKey // oldest first; may hold keys that have come again since
}

func newRefusals() *refusals { return &refusals{known: map[refusalKey]*control.Refusal{}} }

// maxShown bounds what a client can make us remember.
const maxShown = 128

func shown(s string) string {
	if len(s) > maxShown {
		return s[:maxShown] + "..."
	}
	return s
}

func quote(s string) string { return strconv.Quote(shown(s)) }

func (r *refusals) add(v broker.Visit, err error) {
	one := control.Refusal{Time: time.Now().UTC(), ClientID: shown(v.ClientID), AuthenticationName: shown(v.Username),
		Remote: v.Address.String(), Code: codeOf(err), Reason: reasonOf(err), Count: 1}
	if v.Identity != nil {
		one.AuthenticationName = v.Identity.Name
	}
	key := refusalKey{v.Namespace, one.ClientID, one.AuthenticationName, one.Remote, one.Reason}
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.known[key]; old != nil {
		old.Time, old.Count = one.Time, old.Count+1
		return
	}
	r.known[key] = &one
	r.order = append(r.order, key)
	for len(r.order) > refusalsKept {
		delete(r.known, r.order[0])
		r.order = r.order[1:]
	}
	if cap(r.order) > 4*refusalsKept {
		r.order = slices.Clone(r.order)
	}
}

func codeOf(err error) string {
	var e *mqtt.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("0x%02X", byte(e.Code))
	}
	return ""
}

// reasonOf is what the operator should know.
func reasonOf(err error) string {
	var e *identity.Error
	if errors.As(err, &e) {
		return shortened(e.Error(), 512)
	}
	return shortened(broker.Reason(err), 512)
}

func shortened(s string, most int) string { return s[:min(len(s), most)] }

// Refusals implements control.RefusalLog.
func (t *Tenants) Refusals(_ context.Context, namespace string, limit int) (list []control.Refusal, err error) {
	r := t.refusals
	r.mu.Lock()
	for key, one := range r.known {
		if key.namespace == namespace {
			list = append(list, *one)
		}
	}
	r.mu.Unlock()
	slices.SortFunc(list, func(a, b control.Refusal) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.ClientID, b.ClientID))
	})
	return list[:min(len(list), limit)], nil
}

// Refused implements broker.Observer.
func (t *Tenants) Refused(v broker.Visit, err error) {
	if v.Version != 0 { // else nothing was understood: a scanner, not a client
		t.refusals.add(v, err)
	}
	if blamed(v, err) {
		t.o.Blame(v.Address)
	}
}

// blamed says whether a refusal counts against the address: because of who was there,
// or since a TLS handshake was made for nobody who speaks MQTT.
func blamed(v broker.Visit, err error) bool {
	var e *mqtt.Error
	secure := v.Transport == "tls" || v.Transport == "wss"
	if !errors.As(err, &e) {
		return secure && v.Version == 0
	}
	switch e.Code {
	case mqtt.NotAuthorized, mqtt.BadUserNameOrPassword, mqtt.BadAuthenticationMethod:
		return true
	case mqtt.MalformedPacket, mqtt.ProtocolError:
		return secure
	}
	return secure && v.Version == 0
}

// Connected implements broker.Observer.
func (t *Tenants) Connected(broker.Visit) {}

// Disconnected implements broker.Observer.
func (t *Tenants) Disconnected(broker.Visit, string, error) {}
