package tenants

import (
	"encoding/json"
	"errors"
	"time"

	"gridmq/broker"
	"gridmq/control"
	"gridmq/control/namespace"
	"gridmq/control/resource"
	"gridmq/identity"
	"gridmq/mqtt"
	"gridmq/route/lifecycle"
)

// Life-cycle events: what the broker and the management plane tell becomes notices for
// the herald. Source: spec/lifecycle-events.md.

const clientKind = "clients"

// remembers says whether the broker has to write down who is connected, so that a crash
// is told as an end of their connections.
func (n *tenant) remembers() bool {
	l := n.noun().GridMQ.Lifecycle
	return l != nil && l.Wants(lifecycle.SessionDisconnected)
}

// eventsOf is what the namespace says about events of a kind; nil: nobody wants them.
func (n *tenant) eventsOf(k lifecycle.Kind) *namespace.Lifecycle {
	r := n.resource.Load()
	l := r.Noun.(*namespace.Namespace).GridMQ.Lifecycle
	if l == nil || r.Deleting || !l.Wants(k) {
		return nil
	}
	return l
}

// Connected implements broker.Observer.
func (t *Tenants) Connected(v broker.Visit) {
	t.remember(v, happening{what: control.WasConnected})
	if o, wanted := t.notice(lifecycle.SessionConnected, v); wanted {
		t.herald.add(o)
	}
}

// Disconnected implements broker.Observer.
func (t *Tenants) Disconnected(v broker.Visit, why string, err error) {
	if why != broker.Crashed { // before that nothing is remembered; and there may be very many
		t.rememberEnd(v, why, err)
	}
	o, wanted := t.notice(lifecycle.SessionDisconnected, v)
	if !wanted {
		return
	}
	o.reason = disconnectionReason(why, err)
	if why == broker.Crashed { // the broker waits for us, and there may be very many
		t.herald.tell(&o)
		return
	}
	t.herald.add(o)
}

// notice is what is to be told of a connection, if anybody wants to know.
func (t *Tenants) notice(k lifecycle.Kind, v broker.Visit) (o notice, wanted bool) {
	n := t.tenant(v.Namespace)
	if n == nil || n.eventsOf(k) == nil || v.Identity == nil {
		return o, false
	}
	return notice{n: n, kind: k, at: time.Now(),
		session: lifecycle.Session{AuthenticationName: v.Identity.Name, Name: v.ClientID, Sequence: v.Epoch}}, true
}

// changed tells of a client resource.
func (h *herald) changed(n *tenant, c resource.Change) {
	if n.eventsOf(lifecycle.ClientCreatedOrUpdated) == nil && n.eventsOf(lifecycle.ClientDeleted) == nil {
		return
	}
	r := c.New
	if r == nil {
		r = c.Old
	}
	if r == nil {
		return
	}
	client := r.Noun.(*identity.Client)
	change := &lifecycle.Change{Key: n.name + "/" + client.Name, Deleted: c.New == nil, Client: lifecycle.Client{
		Name: client.Name, AuthenticationName: client.AuthenticationName,
		Created: r.System.CreatedAt, Updated: r.System.LastModifiedAt, Enabled: client.State != identity.StateDisabled,
	}}
	if text, err := json.Marshal(client.Attributes); err == nil && len(client.Attributes) > 0 {
		change.Client.Attributes = text
	}
	h.add(notice{n: n, at: time.Now(), change: change})
}

// disconnectionReason is the reason for the broker's word of why a connection has ended, and the
// error behind it (section 4; mqtt-protocol.md, section 10).
func disconnectionReason(why string, err error) lifecycle.Reason {
	e := lifecycle.Ending{Code: mqtt.UnspecifiedError}
	switch why {
	case "client_disconnect", "closed":
		e.By = lifecycle.ByClient
	case "connection_lost":
		e.By = lifecycle.ByNetwork
	case "keep_alive":
		e.Code = mqtt.KeepAliveTimeout
	case "taken_over":
		e.Code = mqtt.SessionTakenOver
	case "shutdown":
		e.Code = mqtt.ServerShuttingDown
	case "administrative":
		e.Code = mqtt.AdministrativeAction
	case "queue_overflow":
		e.Code, e.About = mqtt.QuotaExceeded, lifecycle.Queue
	case "authentication":
		e.Code, e.About = mqtt.NotAuthorized, lifecycle.Credential
	case "address":
		e.Code, e.About = mqtt.NotAuthorized, lifecycle.Address
	case "authorization":
		e.Code = mqtt.NotAuthorized
	case "protocol_error":
		if refusal, ok := errors.AsType[*mqtt.Error](err); ok {
			e.Code = refusal.Code
		}
	} // store_error and crash: ServerError
	return e.Reason()
}
