package tenants

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gridmq/broker"
	"gridmq/control"
	"gridmq/mqtt"
	"gridmq/topic"
)

// Sessions implements control.SessionDirectory over the broker.
func (t *Tenants) Sessions(ctx context.Context, namespace string, q control.SessionQuery) (page []control.Session, next string, err error) {
	b := t.serving()
	if b == nil {
		return nil, "", nil
	}
	if q.Limit <= 0 {
		q.Limit = 100
	}
	var chosen []broker.SessionInfo
	b.Sessions(namespace, func(i broker.SessionInfo) bool {
		switch {
		case i.ClientID <= q.After && q.After != "":
		case q.AuthenticationName != "" && !strings.EqualFold(q.AuthenticationName, i.AuthenticationName):
		case !strings.Contains(i.ClientID, q.ClientID):
		case q.Connected != nil && *q.Connected != i.Connected:
		default:
			chosen = append(chosen, i)
		}
		return ctx.Err() == nil
	})
	slices.SortFunc(chosen, func(a, b broker.SessionInfo) int { return strings.Compare(a.ClientID, b.ClientID) })
	if len(chosen) > q.Limit {
		chosen, next = chosen[:q.Limit], chosen[q.Limit-1].ClientID
	}
	for _, i := range chosen {
		page = append(page, t.session(namespace, i))
	}
	return page, next, ctx.Err()
}

// Session implements control.SessionDirectory.
func (t *Tenants) Session(_ context.Context, namespace, client string) (*control.Session, error) {
	b := t.serving()
	if b == nil {
		return nil, control.ErrNoSession
	}
	i, ok := b.Session(namespace, client)
	if !ok {
		return nil, control.ErrNoSession
	}
	s := t.session(namespace, i)
	return &s, nil
}

func (t *Tenants) session(namespace string, i broker.SessionInfo) control.Session {
	s := control.Session{
		ClientID: i.ClientID, AuthenticationName: i.AuthenticationName, Connected: i.Connected, Since: i.Since.UTC(),
		ExpiresAt: utc(i.Ends), CredentialExpires: i.CredentialEnds, KeepAlive: i.KeepAlive, SessionExpiry: i.Expiry, QueuedMessages: i.Queued, QueuedBytes: int64(i.QueuedBytes),
		InFlight: i.Inflight,
	}
	if i.Connected {
		s.Remote, s.Protocol = remote(i), protocol(i)
	}
	if n := t.tenant(namespace); n != nil {
		if c := n.registry.ByAuthenticationName(i.AuthenticationName); c != nil {
			s.Client = c.Name
		}
		if i.Identity != nil && i.Identity.Principal != nil {
			s.Method, s.Groups = i.Identity.Principal.Method.String(), n.registry.GroupsOf(i.Identity.Principal)
		}
	}
	for _, sub := range i.Subscriptions {
		share, filter, _, err := topic.ParseShare(sub.Filter)
		if err != nil {
			filter = sub.Filter
		}
		s.Subscriptions = append(s.Subscriptions, control.Subscription{Filter: filter, QoS: sub.QoS, Share: share})
	}
	slices.SortFunc(s.Subscriptions, func(a, b control.Subscription) int { return strings.Compare(a.Filter, b.Filter) })
	return s
}

// remote is the client's address, with its port where the transport has one.
func remote(i broker.SessionInfo) string {
	if i.Port == 0 {
		return i.Address.String()
	}
	return netip.AddrPortFrom(i.Address, i.Port).String()
}

// utc is t there; the zero time stays what it is.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// protocol is as life-cycle events name it.
func protocol(i broker.SessionInfo) string {
	name := "MQTT3"
	if i.Version == mqtt.V5 {
		name = "MQTT5"
	}
	if strings.HasPrefix(i.Transport, "ws") {
		name += "-WS"
	}
	return name
}

// Disconnect implements control.SessionDirectory.
func (t *Tenants) Disconnect(_ context.Context, namespace, client, reason string) error {
	b := t.serving()
	if b == nil {
		return control.ErrNoSession
	}
	if _, ok := b.Session(namespace, client); !ok {
		return control.ErrNoSession
	}
	b.Disconnect(namespace, client, mqtt.AdministrativeAction, reason)
	return nil
}

// Delete implements control.SessionDirectory.
func (t *Tenants) Delete(_ context.Context, namespace, client, reason string) error {
	b := t.serving()
	if b == nil {
		return control.ErrNoSession
	}
	b.Disconnect(namespace, client, mqtt.AdministrativeAction, reason)
	if !b.EndSession(namespace, client) {
		return fmt.Errorf("%w: %s", control.ErrNoSession, client)
	}
	return nil
}
