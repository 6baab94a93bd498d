package tenants

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"gridmq/broker"
	"gridmq/control"
	"gridmq/identity"
	"gridmq/mqtt"
)

// refusalsKept bounds the refusals that are remembered of each namespace, and of the
// connections that reached none. One that comes again counts up; the one that has not
// come for longest goes first. No namespace pushes out what is remembered of another.
const refusalsKept = 1000

// nowhere is the ring of connections that reached no namespace.
const nowhere = ""

// refusals are rings of refused connections by namespace, in lower case. A ring is
// made by the first refusal, and goes with its namespace.
type refusals struct {
	mu    sync.Mutex
	rings map[string]*ring // of the namespaces that there are; nil until it is needed
}

func newRefusals() *refusals { return &refusals{rings: map[string]*ring{nowhere: nil}} }

// open begins to remember for a namespace.
func (r *refusals) open(namespace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.rings[namespace]; !there {
		r.rings[namespace] = nil
	}
}

// forget ends that, and what was remembered is gone.
func (r *refusals) forget(namespace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.rings, namespace)
}

type refusalKey struct{ client, name, address, reason string }

// A ring is the refusals of one namespace.
type ring struct {
	known map[refusalKey]*list.Element
	order list.List // of *remembered; what has not come for longest is in front
}

type remembered struct {
	key refusalKey
	control.Refusal
}

func (r *ring) add(one control.Refusal) {
	key := refusalKey{one.ClientID, one.AuthenticationName, one.Remote, one.Reason}
	if e := r.known[key]; e != nil {
		old := e.Value.(*remembered)
		old.Time, old.Count = one.Time, old.Count+1
		r.order.MoveToBack(e)
		return
	}
	r.known[key] = r.order.PushBack(&remembered{key, one})
	if r.order.Len() > refusalsKept {
		delete(r.known, r.order.Remove(r.order.Front()).(*remembered).key)
	}
}

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
	r.mu.Lock()
	defer r.mu.Unlock()
	namespace := v.Namespace
	if _, there := r.rings[namespace]; !there {
		namespace = nowhere
	}
	if r.rings[namespace] == nil {
		r.rings[namespace] = &ring{known: map[refusalKey]*list.Element{}}
	}
	r.rings[namespace].add(one)
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

// shortened is at most so many bytes of a text from outside, in one line: whole characters,
// and none that moves the cursor of who reads it.
func shortened(s string, most int) string {
	s = strings.ToValidUTF8(s[:min(len(s), most)], "")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// Refusals implements control.RefusalLog.
func (t *Tenants) Refusals(_ context.Context, namespace string, limit int) (all []control.Refusal, err error) {
	r := t.refusals
	r.mu.Lock()
	defer r.mu.Unlock()
	ring := r.rings[strings.ToLower(namespace)]
	if ring == nil {
		return nil, nil
	}
	for e := ring.order.Back(); e != nil && len(all) < limit; e = e.Prev() {
		all = append(all, e.Value.(*remembered).Refusal)
	}
	return all, nil
}

// Refused implements broker.Observer.
func (t *Tenants) Refused(v broker.Visit, err error) {
	if v.Version != 0 { // else nothing was understood: a scanner, not a client
		t.refusals.add(v, err)
		t.remember(v, happening{what: control.WasRefused, code: codeOf(err), reason: reasonOf(err)})
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
