package push

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gridmq/delivery"
	"gridmq/event"
)

const (
	singleType = "application/cloudevents+json; charset=utf-8"
	batchType  = "application/cloudevents-batch+json; charset=utf-8"

	originHeader = "WebHook-Request-Origin"
	userAgent    = "GridMQ"

	// What an answer may have behind its headers, to let the connection be used again.
	drainBytes = 64 << 10
	drainTime  = 2 * time.Second
)

// A target is where a subscription's messages go.
type target struct {
	subscription string
	origin       string
	hook         *delivery.WebHook
	schedule     delivery.Schedule
}

// newRequest writes the request of section 10.2. Names are spelled as there.
func (t *target) newRequest(ctx context.Context, m *message) (*http.Request, error) {
	if t.hook.Forward {
		return t.newPublish(ctx, m)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.hook.URL, bytes.NewReader(m.body))
	if err != nil {
		return nil, withoutURL(err)
	}
	count := 0
	for i := range m.attempts {
		count = max(count, m.attempts[i].Count)
	}
	for _, p := range m.properties {
		if !reserved(p.Name) {
			r.Header.Set(p.Name, p.Value)
		}
	}
	r.Header.Set("Content-Type", batchType)
	if t.hook.MaxEvents <= 1 {
		r.Header.Set("Content-Type", singleType)
	}
	setTrace(r.Header, m.trace)
	set := func(name, value string) { r.Header[name] = []string{value} }
	set("aeg-subscription-name", t.subscription)
	set("aeg-delivery-count", strconv.Itoa(max(0, count-1))) // those before this one
	set("aeg-event-type", "Notification")
	set("aeg-metadata-version", event.SpecVersion)
	set("aeg-data-version", "")
	set("aeg-output-event-id", idText(m.attempts[0].ID))
	set("aeg-compatibility-mode-enabled", "false")
	set(originHeader, t.origin)
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", userAgent)
	}
	// Not sent: it tells net/http that a request may be sent again on a new connection
	// when an idle one was closed under it. Deliveries may happen twice anyway.
	r.Header["Idempotency-Key"] = nil
	return r, nil
}

// reserved says whether a custom header would be one of ours, or HTTP's. Such
// subscriptions are not accepted; this is for those that were.
func reserved(name string) bool {
	switch low := strings.ToLower(name); low {
	case "content-type", "content-length", "content-encoding", "transfer-encoding", "host", "connection", "keep-alive", "te",
		"trailer", "upgrade", "expect", "idempotency-key", "x-idempotency-key", "webhook-request-origin":
		return true
	default:
		return strings.HasPrefix(low, "aeg-") || strings.HasPrefix(low, "proxy-")
	}
}

// idText is an event id in the form of a GUID.
func idText(id delivery.EventID) string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// send makes one attempt.
func (p *Pool) send(ctx context.Context, t *target, m *message) answer {
	limited, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	r, err := t.newRequest(limited, m)
	if err == nil {
		err = p.checkURL(r.URL)
	}
	if err == nil && t.hook.Application != "" {
		err = p.tokens.authorize(limited, t.hook, r.Header)
	}
	if err != nil {
		return judgeError(ctx, err, p.o.Strict)
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return judgeError(ctx, withoutURL(err), p.o.Strict)
	}
	drain(resp, cancel)
	a := judge(resp.StatusCode, resp.Header, time.Now())
	if t.hook.Forward {
		a.patient()
	}
	if a.outcome == delivery.Unauthorized && t.hook.Application != "" {
		p.tokens.forget(t.hook)
	}
	return a
}

// drain reads what an answer has besides its status, so that the connection can be
// used again, in bounds. The answer counts, whatever comes behind it.
func drain(resp *http.Response, cancel context.CancelFunc) {
	timer := time.AfterFunc(drainTime, cancel)
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, drainBytes))
	timer.Stop()
	resp.Body.Close()
}

// withoutURL drops what net/http and net/url put around an error: the URL, whose query
// may hold a secret.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
