package push

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"gridmq/delivery"
	"gridmq/event"
)

// Forwarding is publishing what was taken at another broker: a custom topic of Event
// Grid or of another GridMQ (/api/events), or a namespace topic (/topics/{topic}:publish).

const (
	// HopAttribute is the extension that counts how often an event was forwarded.
	HopAttribute = "gridmqhops"
	// MaxHops is how often an event is forwarded at most: two brokers that forward to
	// each other would else send it round for ever.
	MaxHops = 8
)

// versions of the two addresses, where the URL has none.
const (
	topicVersion     = "2018-01-01"
	namespaceVersion = "2024-06-01"
)

// newPublish writes the request of a publisher. The headers of a delivery are left out:
// what they tell concerns nobody else.
func (t *target) newPublish(ctx context.Context, m *message) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.hook.URL, bytes.NewReader(m.body))
	if err != nil {
		return nil, withoutURL(err)
	}
	setVersion(r.URL)
	for _, p := range m.properties {
		if !reserved(p.Name) || isAccessHeader(p.Name) {
			r.Header.Set(p.Name, p.Value)
		}
	}
	r.Header.Set("Content-Type", batchType)
	if t.hook.MaxEvents <= 1 {
		r.Header.Set("Content-Type", singleType)
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", userAgent)
	}
	setTrace(r.Header, m.trace)
	r.Header["Idempotency-Key"] = nil // see newRequest
	return r, nil
}

// isAccessHeader says whether a header is one of the two in which Event Grid takes keys
// and signatures.
func isAccessHeader(name string) bool {
	return strings.EqualFold(name, "aeg-sas-key") || strings.EqualFold(name, "aeg-sas-token")
}

// setVersion adds the api-version that both kinds of address want.
func setVersion(u *url.URL) {
	for name := range u.Query() {
		if strings.EqualFold(name, "api-version") {
			return
		}
	}
	version := topicVersion
	if strings.HasSuffix(strings.ToLower(u.Path), ":publish") {
		version = namespaceVersion
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "api-version=" + version
}

// hop counts the hop that is about to be made in each event. Those that have made all
// they may are not tried: they leave as undeliverable.
func (x *pusher) hop(list []delivery.Attempt) (rest []delivery.Attempt) {
	var over []delivery.Retry
	for _, a := range list {
		n := hopsOf(&a.Event)
		if n >= MaxHops {
			over = append(over, delivery.Retry{Attempt: a})
			continue
		}
		a.Event.Extensions = slices.Clone(a.Event.Extensions) // the list is not ours alone
		a.Event.SetExtension(HopAttribute, event.Integer(n+1))
		rest = append(rest, a)
	}
	if len(over) > 0 {
		x.tellLoop(len(over))
		x.note(x.box.Failed(over, delivery.Aborted))
	}
	return rest
}

// tellLoop logs that events go round, once a minute: any publisher can pretend it.
func (x *pusher) tellLoop(events int) {
	x.pool.mu.Lock()
	now := time.Now()
	told := now.Sub(x.looped) < time.Minute && !x.looped.IsZero()
	if !told {
		x.looped = now
	}
	x.pool.mu.Unlock()
	if !told {
		x.pool.o.Log.Warn("events were forwarded too often, brokers seem to forward to each other: add a filter such as "+HopAttribute+" IsNullOrUndefined to one of the event subscriptions",
			"namespace", x.box.Namespace(), "topic", x.box.Topic(), "subscription", x.box.Subscription(), "events", events, "hops", MaxHops)
	}
}

// hopsOf is how often an event was forwarded. Anything but a count of ours is none; a
// broker in between may have made a text of it.
func hopsOf(e *event.Event) int64 {
	v, ok := e.Extension(HopAttribute)
	if !ok {
		return 0
	}
	n := int64(0)
	for _, c := range v.AppendText(nil) {
		if c < '0' || c > '9' || n > MaxHops {
			return min(n, MaxHops)
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// patient judges an answer as one of a broker: an operator cures a topic that is not
// there or a key that was made anew, and the events are still good then (section 12.3).
func (a *answer) patient() {
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		a.final, a.delay = false, longPause
	}
}

// hookRefusesOne says whether an answer may be about one event of several: a broker
// refuses all for the sake of one that it does not take.
func hookRefusesOne(w *delivery.WebHook, a answer) bool {
	return w.Forward && a.status == http.StatusBadRequest
}
