// Package webhook is an endpoint to try push delivery with: it agrees to be one, shows
// the events it gets, and fails on request.
//
// Units: sizes are bytes, times time.Duration. Errors: a request that is none of a
// delivery is answered with the reason as text. Source: spec/namespace-topics.md,
// sections 10.2, 11 and 12, named here without the file; CloudEvents 1.0.2, HTTP
// protocol binding and webhooks.
package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// MaxBody bounds a request: a batch may be larger than one event of 1 MiB.
	MaxBody = 2 << 20
	// MaxRequests bounds the deliveries at once; more are told to come again.
	MaxRequests = 64
	maxOrigin   = 256
)

// Options say how to answer. The zero value takes everything.
type Options struct {
	// Path is where deliveries go. Default "/".
	Path string
	// Origin is the only one that may deliver. Default: any.
	Origin string
	// Fail is the status of deliveries that are to fail, FailFirst how many of them
	// there are, counted in deliveries; 0: all. Default of Fail: 200, none fails.
	Fail      int
	FailFirst int
	// Slow is how long an answer takes.
	Slow time.Duration
	// Show is told of each delivery, one at a time, before its answer. When it fails,
	// so does the delivery. Default: nobody is told.
	Show func(Delivery) error
	// Refused is told of requests that are no deliveries. Default: nobody is told.
	Refused func(reason string)
}

// A Delivery is one request with events.
type Delivery struct {
	Time         time.Time
	Subscription string // its name; empty: not told
	Count        int    // attempts before this one; -1: not told
	Status       int    // of our answer
	Events       []Event
}

// A Summary counts what there was.
type Summary struct {
	Deliveries, Events int
	Answered           map[int]int // deliveries by status
	Handshakes         int
	Refused            int // requests that were neither
}

// A Listener is an http.Handler.
type Listener struct {
	o     Options
	slots chan struct{} // one for each delivery under way

	mu      sync.Mutex // also: one Show at a time
	summary Summary
}

// New makes a listener.
func New(o Options) *Listener {
	o.Path = cmp.Or(o.Path, "/")
	o.Fail = cmp.Or(o.Fail, http.StatusOK)
	if o.Show == nil {
		o.Show = func(Delivery) error { return nil }
	}
	if o.Refused == nil {
		o.Refused = func(string) {}
	}
	return &Listener{o: o, slots: make(chan struct{}, MaxRequests), summary: Summary{Answered: map[int]int{}}}
}

// Summary is what there was until now.
func (l *Listener) Summary() Summary {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.summary
	s.Answered = map[int]int{}
	for status, n := range l.summary.Answered {
		s.Answered[status] = n
	}
	return s
}

// ServeHTTP implements http.Handler.
func (l *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != l.o.Path:
		l.refuse(w, r, http.StatusNotFound, "deliveries go to "+l.o.Path)
	case r.Method == http.MethodOptions:
		l.handshake(w, r)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "OPTIONS, POST")
		l.refuse(w, r, http.StatusMethodNotAllowed, "want OPTIONS or POST")
	default:
		l.deliver(w, r)
	}
}

// refuse answers what is no delivery.
func (l *Listener) refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	l.mu.Lock()
	l.summary.Refused++
	l.o.Refused(fmt.Sprintf("%s %s: %d, %s", r.Method, r.URL.Path, status, why))
	l.mu.Unlock()
	http.Error(w, why, status)
}

// handshake agrees to get events (section 11).
func (l *Listener) handshake(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("WebHook-Request-Origin")
	switch {
	case origin == "" || len(origin) > maxOrigin || strings.ContainsFunc(origin, func(c rune) bool { return c <= ' ' || c >= utf8.RuneSelf }):
		l.refuse(w, r, http.StatusBadRequest, "the handshake needs a header WebHook-Request-Origin with a host name")
		return
	case !l.welcome(origin):
		l.refuse(w, r, http.StatusForbidden, "this endpoint takes no events from "+origin)
		return
	}
	l.mu.Lock()
	l.summary.Handshakes++
	l.mu.Unlock()
	w.Header().Set("WebHook-Allowed-Origin", origin)
	w.Header().Set("WebHook-Allowed-Rate", "*")
	w.Header().Set("Allow", "OPTIONS, POST")
	w.WriteHeader(http.StatusOK)
}

func (l *Listener) welcome(origin string) bool {
	return l.o.Origin == "" || strings.EqualFold(origin, l.o.Origin)
}

func (l *Listener) deliver(w http.ResponseWriter, r *http.Request) {
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	default:
		w.Header().Set("Retry-After", "1")
		l.refuse(w, r, http.StatusServiceUnavailable, fmt.Sprintf("more than %d deliveries at once", MaxRequests))
		return
	}
	if origin := r.Header.Get("WebHook-Request-Origin"); !l.welcome(origin) { // it is on every delivery (section 10.2)
		l.refuse(w, r, http.StatusForbidden, "this endpoint takes no events from there")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		status, why := http.StatusBadRequest, "the body did not come"
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			status, why = http.StatusRequestEntityTooLarge, fmt.Sprintf("want %d bytes at most", MaxBody)
		}
		l.refuse(w, r, status, why)
		return
	}
	events, problem := readEvents(r.Header, body)
	if problem != nil {
		l.refuse(w, r, problem.status, problem.why)
		return
	}
	status := l.took(Delivery{Time: time.Now(), Subscription: r.Header.Get("aeg-subscription-name"), Count: countOf(r.Header), Events: events})
	if !pause(r.Context(), l.o.Slow) {
		return // nobody waits for the answer any more
	}
	w.WriteHeader(status)
}

// took counts and shows a delivery, and decides the answer.
func (l *Listener) took(d Delivery) (status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d.Status = http.StatusOK
	if l.o.FailFirst == 0 || l.summary.Deliveries < l.o.FailFirst {
		d.Status = l.o.Fail
	}
	l.summary.Deliveries++
	l.summary.Events += len(d.Events)
	if l.o.Show(d) != nil {
		d.Status = http.StatusInternalServerError
	}
	l.summary.Answered[d.Status]++
	return d.Status
}

func countOf(h http.Header) int {
	n, err := strconv.Atoi(h.Get("aeg-delivery-count"))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// pause waits, and says whether the time went by.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
