package x509auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/internal/outbound"
)

// A Watch keeps what the CAs of a namespace say about revocation: their lists, which
// are read again when their files change, and what OCSP has answered. One goroutine
// looks at the files, if there are any. nil is one that nobody has asked for anything.
type Watch struct {
	changed func()
	log     *slog.Logger

	now atomic.Pointer[watched]

	// Held while files are read: whoever judges a client does not need it.
	mu      sync.Mutex
	closed  bool
	rules   []*rule
	stop    context.CancelFunc // of the goroutine; nil: there is none
	running sync.WaitGroup
}

// NewWatch makes a Watch over no CAs. changed is called, by the watch's own goroutine,
// after lists have changed by themselves.
func NewWatch(changed func(), log *slog.Logger) *Watch {
	w := &Watch{changed: changed, log: log}
	w.now.Store(&watched{})
	return w
}

// watched is what counts now. It does not change.
type watched struct {
	revocations
	rules   map[issuer][]*rule // of CA certificates with the same name and key
	longest time.Duration      // of the rules' time-outs
}

// A rule is what one CA wants.
type rule struct {
	ca         *CA
	responders *responders // nil: OCSP is not asked
	broken     error       // why OCSP cannot be asked

	// Guarded by the watch's mu.
	text, files []*list // of the resource and of its files, as they were read last
	seen        []os.FileInfo
	due         time.Time
	trouble     string // with the files, as it was logged last
}

// Set takes over CA certificates, before an authenticator does: it reads their files.
// What a CA that stays has learnt is kept. A file that cannot be read is logged, and
// its CA lets nobody in until it can be.
func (w *Watch) Set(cas []*CA) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	var rules []*rule
	for _, ca := range cas {
		if r := &ca.Revocation; r.CRL.asked() || r.OCSP.asked() {
			rules = append(rules, w.rule(ca))
		}
	}
	for _, old := range w.rules {
		if !slices.ContainsFunc(rules, func(r *rule) bool { return r.responders == old.responders }) {
			old.close()
		}
	}
	w.rules = rules
	w.publish()
	w.restart()
}

// rule is the rule of a CA: the one there is, if it wants the same.
func (w *Watch) rule(ca *CA) *rule {
	r := &rule{ca: ca}
	for _, old := range w.rules {
		if !old.ca.Certificate.Equal(ca.Certificate) {
			continue
		}
		if a, b := old.ca.Revocation.CRL, ca.Revocation.CRL; slices.Equal(a.Files, b.Files) {
			r.files, r.seen, r.trouble = old.files, old.seen, old.trouble
		}
		if old.ca.Revocation.OCSP == ca.Revocation.OCSP && old.broken == nil {
			r.responders = old.responders
		}
	}
	if text := ca.Revocation.CRL.PEM; text != "" {
		r.text, _ = readLists(ca, []byte(text)) // fits: it was checked when it came
	}
	r.load(w.log)
	if r.responders == nil && ca.Revocation.OCSP.asked() {
		if r.responders, r.broken = newResponders(ca.Revocation.OCSP); r.broken != nil {
			w.log.Error("OCSP cannot be asked", "ca", ca.Name, "err", r.broken)
		}
	}
	return r
}

func (o *OCSPSettings) timeout() time.Duration { return cmp.Or(o.Timeout, defaultTimeout) }

func (r *rule) close() {
	if r.responders != nil {
		r.responders.client.CloseIdleConnections()
	}
}

// publish makes what counts of the rules. w.mu is held.
func (w *Watch) publish() {
	next := &watched{revocations: revocations{map[issuer][]*list{}}, rules: map[issuer][]*rule{}}
	for _, r := range w.rules {
		by := issuerOf(r.ca.Certificate)
		next.rules[by] = append(next.rules[by], r)
		next.longest = max(next.longest, r.ca.Revocation.OCSP.timeout())
		for _, l := range slices.Concat(r.text, r.files) {
			next.file(by, l)
		}
	}
	w.now.Store(next)
}

// load reads the files if one of them has changed. With an error nothing changes: the
// lists that there are stay in force, until they are out of date.
func (r *rule) load(log *slog.Logger) (changed bool) {
	settings := &r.ca.Revocation.CRL
	r.due = time.Now().Add(cmp.Or(settings.Refresh, defaultRefresh))
	seen, same, err := look(settings.Files, r.seen)
	if err == nil && same {
		return false
	}
	var all []*list
	for _, name := range settings.Files {
		lists, wrong := readFile(r.ca, name)
		if err = cmp.Or(err, wrong); wrong != nil {
			break
		}
		all = append(all, lists...)
	}
	if err != nil {
		if r.trouble != err.Error() {
			r.trouble = err.Error()
			log.Error("revocation lists not read; what was read before stays in force", "ca", r.ca.Name, "err", err)
		}
		return false
	}
	r.files, r.seen, r.trouble = all, seen, ""
	return true
}

// reading lets one file be read at a time: each may take some hundred MiB meanwhile.
var reading = make(chan struct{}, 1)

// readFile reads the lists in one file of a CA.
func readFile(ca *CA, name string) ([]*list, error) {
	reading <- struct{}{}
	defer func() { <-reading }()
	text, err := outbound.ReadFile(name, maxCRL)
	if err != nil {
		return nil, err // names the file
	}
	lists, err := readLists(ca, text)
	for _, l := range lists {
		if l.updated.After(time.Now().Add(maxSkew)) {
			err = errors.New("a revocation list is from the future; see the clocks of the CA and of this server")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return lists, nil
}

// look says whether files are those that were seen.
func look(files []string, before []os.FileInfo) (now []os.FileInfo, same bool, err error) {
	same = len(files) == len(before)
	for i, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return nil, false, err
		}
		now = append(now, info)
		same = same && os.SameFile(info, before[i]) && info.Size() == before[i].Size() && info.ModTime().Equal(before[i].ModTime())
	}
	return now, same, nil
}

// restart starts the goroutine that looks at files, if there are any, in the place of
// the one that there was. w.mu is held.
func (w *Watch) restart() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
	if _, any := w.due(); any {
		ctx, stop := context.WithCancel(context.Background())
		w.stop = stop
		w.running.Go(func() { w.follow(ctx) })
	}
}

// due is when to look at a file next; false: there are none. w.mu is held.
func (w *Watch) due() (at time.Time, any bool) {
	for _, r := range w.rules {
		if len(r.ca.Revocation.CRL.Files) > 0 && (!any || r.due.Before(at)) {
			at, any = r.due, true
		}
	}
	return at, any
}

// follow looks at files when it is time, until ctx ends.
func (w *Watch) follow(ctx context.Context) {
	for {
		w.mu.Lock()
		at, _ := w.due()
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(at)):
		}
		if w.lookAgain(ctx) {
			w.changed()
		}
	}
}

func (w *Watch) lookAgain(ctx context.Context) (changed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	now := time.Now()
	for _, r := range w.rules {
		if len(r.ca.Revocation.CRL.Files) > 0 && !now.Before(r.due) && r.load(w.log) {
			changed = true
			w.log.Info("revocation lists read again", "ca", r.ca.Name)
		}
	}
	if changed {
		w.publish()
	}
	return changed
}

// Close ends the goroutine and waits for it, and for changed. What is known stays.
func (w *Watch) Close() {
	w.mu.Lock()
	w.closed = true
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
	for _, r := range w.rules {
		r.close()
	}
	w.mu.Unlock()
	w.running.Wait()
}
