package behaviour

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	mq "gridmq/client"
	manage "gridmq/control/client"
	events "gridmq/gateway/client"
	"gridmq/internal/authority"
	"gridmq/listener"
	"gridmq/mqtt"
	"gridmq/server"
)

var killCount = flag.Int("kills", 4, "how often TestEventsKilled kills the broker; 20 takes two minutes")

// TestEventsKilled kills the broker under publishers of routed messages (QoS 1), publishers
// over HTTP, consumers who acknowledge, release, reject, renew or forget what they get, and
// a webhook that fails at random.
// Whatever was acknowledged to its publisher is received, or a dead letter; whatever a
// consumer was told stays true.
func TestEventsKilled(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	ctx, end := context.WithCancel(t.Context())
	publishing, quiet := context.WithCancel(ctx)
	var publishers, consumers sync.WaitGroup
	for _, name := range presses {
		publishers.Go(func() { y.report(publishing, name) })
		publishers.Go(func() { y.post(publishing) })
	}
	for _, l := range y.ledgers[:len(y.ledgers)-1] { // the last one is pushed
		for range 3 {
			consumers.Go(func() { y.consume(ctx, l) })
		}
	}
	const between = 1200 * time.Millisecond
	for range *killCount {
		time.Sleep(between/4 + rand.N(between))
		y.progress(30)
		y.p.signal(syscall.SIGKILL)
		begun := time.Now()
		y.p = y.process(y.dir)
		t.Logf("started in %v", time.Since(begun).Round(time.Millisecond))
		y.open()
	}
	time.Sleep(between)
	quiet()
	publishers.Wait()
	y.calm.Store(true)
	// What was forgotten, or given out in an answer that a kill has cut off, is locked for a
	// minute, and perhaps forgotten a second time by then.
	for deadline := time.Now().Add(shortestLock + 30*time.Second); y.unsettled() > 0 && time.Now().Before(deadline) && !t.Failed(); {
		time.Sleep(100 * time.Millisecond)
	}
	end()
	consumers.Wait()
	if code := y.p.signal(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code after SIGTERM: %d", code)
	}
	y.judge()
}

var presses = []string{"press-1", "press-2"}

const (
	shortestLock = 60 * time.Second // of an event subscription
	attempts     = 3                // maxDeliveryCount here
)

// A yard is a broker as a process, its topic, and what is known of its events.
type yard struct {
	*env
	dir     string
	p       *process
	desk    atomic.Pointer[desk] // of the broker that runs
	mqtt    atomic.Pointer[mq.Target]
	calm    atomic.Bool
	clients map[string]tls.Certificate

	number  atomic.Int64
	mu      sync.Mutex
	kept    map[string]bool // by name: its publisher was told that it is kept
	ledgers []*ledger
}

// A ledger is what is known of one event subscription.
type ledger struct {
	name    string
	matches func(event string) bool
	copies  map[string]*copyNotes
}

// copyNotes are what consumers were told about one event.
type copyNotes struct {
	count      int       // of the last delivery
	until      time.Time // somebody has it until then, at least
	seen       bool
	perhaps    bool // given back, or settled, without an answer
	done, dead bool // the acknowledgement was answered; the rejection, or the last release
	letters    int  // dead letters
}

func (l *ledger) of(name string) *copyNotes {
	if l.copies[name] == nil {
		l.copies[name] = &copyNotes{}
	}
	return l.copies[name]
}

// newYard starts the broker, and makes a topic that all messages are routed to.
func newYard(t *testing.T) *yard {
	y := &yard{env: &env{T: t, row: row{v5, "tcp", "pebble"}}, dir: t.TempDir(), kept: map[string]bool{}, clients: map[string]tls.Certificate{}}
	everything := func(string) bool { return true }
	y.ledgers = []*ledger{{name: "all", matches: everything, copies: map[string]*copyNotes{}},
		{name: "posted", matches: func(name string) bool { return strings.HasPrefix(name, "http") }, copies: map[string]*copyNotes{}},
		{name: pushed, matches: everything, copies: map[string]*copyNotes{}}}
	y.p = y.process(y.dir)
	f := &fleet{env: y.env, ns: "yard", plane: y.plane(), ca: newAuthority(y.env, "yard CA"), badges: map[string]*authority.Pair{}}
	f.configure(nil)
	f.trust("yard-ca", f.ca)
	for _, name := range presses {
		f.client(name, object{})
		y.clients[name] = f.badges[name].TLS()
	}
	f.topicSpace("presses", "presses/${client.authenticationName}")
	f.bind("$all", "Publisher", "presses")
	y.open()
	d := y.desk.Load()
	d.topic("states")
	letters := object{"deadLetterDestination": object{"endpointType": "StorageBlob", "properties": object{
		"resourceId":        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/letters",
		"blobContainerName": "dead"}}}
	for _, l := range y.ledgers {
		properties := object{"deliveryConfiguration": object{"deliveryMode": "Queue", "queue": object{
			"receiveLockDurationInSeconds": 60, "maxDeliveryCount": attempts, "deadLetterDestinationWithResourceIdentity": letters}}}
		switch l.name {
		case pushed:
			properties["deliveryConfiguration"] = push(y.webhook().URL, letters)
		case "posted":
			properties["filtersConfiguration"] = object{"includedEventTypes": []string{"t"}}
		}
		d.put(object{"properties": properties}, "topics", "states", "eventSubscriptions", l.name)
	}
	f.configure(object{"routeTopicResourceId": fleets.ID(d.ns, "topics", "states"), "gridmq": object{"hosts": []string{"localhost"}}})
	return y
}

// ca is the file that clients of the process trust.
func (y *yard) ca() string {
	y.Helper()
	ca, err := listener.EnsureLocalCA(filepath.Join(y.dir, "ca"), []string{"localhost", "127.0.0.1"})
	if err != nil {
		y.Fatal(err)
	}
	return ca.CertFile
}

// plane is the management plane of the broker that runs.
func (y *yard) plane() *manage.Client {
	y.Helper()
	ready, err := server.ReadReadyFile(filepath.Join(y.dir, "data"))
	if err != nil {
		y.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(y.dir, "data", server.TokenFile))
	if err != nil {
		y.Fatal(err)
	}
	trust, err := os.ReadFile(y.ca())
	if err != nil {
		y.Fatal(err)
	}
	plane, err := manage.New(manage.Options{URL: ready.Management, Token: strings.TrimSpace(string(token)), CA: trust})
	if err != nil {
		y.Fatal(err)
	}
	y.Cleanup(plane.Close)
	return plane
}

// open lets everybody know where the broker is that runs.
func (y *yard) open() {
	y.Helper()
	trust, err := os.ReadFile(y.ca())
	if err != nil {
		y.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trust)
	y.mqtt.Store(&mq.Target{URL: "mqtts://" + y.house.addresses["mqtts"].Address, TLS: &tls.Config{RootCAs: roots, ServerName: "localhost"}})
	y.desk.Store(newDesk(y.T, y.plane(), "yard", y.house.addresses["wss"].Address, y.ca()))
}

func (y *yard) keep(names ...string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, name := range names {
		y.kept[name] = true
	}
}

// progress waits until n more events were acknowledged to their publishers, so that a
// machine that is busy tests as much.
func (y *yard) progress(n int) {
	y.Helper()
	accepted := func() int {
		y.mu.Lock()
		defer y.mu.Unlock()
		return len(y.kept)
	}
	for first, deadline := accepted(), time.Now().Add(patience); accepted() < first+n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			y.Fatalf("%d events were accepted in %v, want %d", accepted()-first, patience, n)
		}
	}
}

// rest is what somebody waits, between publishes or for a broker.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// report publishes messages, and notes those that were acknowledged.
func (y *yard) report(ctx context.Context, id string) {
	for ; ctx.Err() == nil; rest(ctx, 20*time.Millisecond) {
		target := *y.mqtt.Load()
		target.TLS = target.TLS.Clone()
		target.TLS.Certificates = []tls.Certificate{y.clients[id]}
		c, err := mq.Connect(ctx, mq.Options{ClientID: id, Target: target})
		if err != nil {
			continue
		}
		for err == nil && ctx.Err() == nil {
			name := fmt.Sprintf("%s %d", id, y.number.Add(1))
			m := &mq.Message{Topic: "presses/" + id, QoS: 1, Payload: fmt.Appendf(nil, "%q", name)}
			m.Properties.ContentType = "application/json"
			m.Properties.Mark(mqtt.PropContentType)
			var code mqtt.Code
			if code, err = c.Publish(ctx, m); err == nil && !code.IsError() {
				y.keep(name)
			}
			rest(ctx, rand.N(10*time.Millisecond))
		}
		c.Close()
	}
}

// post publishes batches.
func (y *yard) post(ctx context.Context) {
	for ; ctx.Err() == nil; rest(ctx, rand.N(20*time.Millisecond)) {
		var names []string
		var list []json.RawMessage
		for range 1 + rand.IntN(5) {
			name := fmt.Sprintf("http %d", y.number.Add(1))
			names, list = append(names, name), append(list, json.RawMessage(anEvent(name)))
		}
		if y.desk.Load().http.Publish(ctx, "states", list) == nil {
			y.keep(names...)
		}
	}
}

// consume receives, and settles as the dice fall; later on it acknowledges everything.
func (y *yard) consume(ctx context.Context, l *ledger) {
	at := events.Subscription{Topic: "states", Name: l.name}
	for ctx.Err() == nil {
		c, asked := y.desk.Load().http, time.Now()
		list, err := c.Receive(ctx, at, 1+rand.IntN(50), 10*time.Second)
		if err != nil {
			rest(ctx, 20*time.Millisecond)
			continue
		}
		lots := map[events.Verb][]events.Delivery{}
		for _, d := range list {
			y.take(l, d, asked)
			var verb events.Verb // forgotten
			switch n := rand.IntN(20); {
			case n < 12 || y.calm.Load():
				verb = events.Acknowledge
			case n < 17:
				verb = events.Release
			case n < 18:
				verb = events.Reject
			case n < 19:
				verb = events.RenewLock
			}
			lots[verb] = append(lots[verb], d)
		}
		delete(lots, "")
		for verb, lot := range lots {
			y.settle(ctx, c, l, verb, lot)
		}
	}
}

func nameOfEvent(t testing.TB, event json.RawMessage) string {
	var e struct{ Data string }
	if err := json.Unmarshal(event, &e); err != nil || e.Data == "" {
		t.Errorf("event %s: %v", event, err)
	}
	return e.Data
}

// take notes a delivery, which was asked for at that time.
func (y *yard) take(l *ledger, d events.Delivery, asked time.Time) {
	name := nameOfEvent(y, d.Event)
	y.mu.Lock()
	defer y.mu.Unlock()
	c := l.of(name)
	switch {
	case !l.matches(name):
		y.Errorf("%s: %q does not match", l.name, name)
	case c.done || c.dead:
		y.Errorf("%s: %q comes back; acknowledged %t, rejected or released for the last time %t", l.name, name, c.done, c.dead)
	case !c.perhaps && time.Now().Before(c.until):
		y.Errorf("%s: %q is somebody's for another %v, and is given to another", l.name, name, time.Until(c.until))
	case d.Count > attempts || d.Count <= c.count:
		y.Errorf("%s: %q is given out for the %d. time, after the %d. time", l.name, name, d.Count, c.count)
	}
	c.seen, c.perhaps, c.count, c.until = true, false, d.Count, asked.Add(shortestLock-time.Second)
}

// settle settles deliveries, and notes what was answered.
func (y *yard) settle(ctx context.Context, c *events.Client, l *ledger, verb events.Verb, lot []events.Delivery) {
	names, counts, tokens := map[string]string{}, map[string]int{}, []string(nil)
	y.mu.Lock()
	for _, d := range lot {
		name := nameOfEvent(y, d.Event)
		names[d.LockToken], counts[d.LockToken], tokens = name, d.Count, append(tokens, d.LockToken)
		n := l.of(name)
		if verb != events.RenewLock {
			n.perhaps = true // from now on
		}
	}
	y.mu.Unlock()
	asked := time.Now()
	succeeded, failed, err := c.Settle(ctx, events.Subscription{Topic: "states", Name: l.name}, verb, tokens, 0)
	if err != nil {
		return // nobody knows
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, f := range failed {
		if n := l.of(names[f.LockToken]); f.Error.Code != "InternalServerError" && time.Now().Before(n.until) {
			y.Errorf("%s: %s of %q: %s, while it is locked", l.name, verb, names[f.LockToken], f.Error.Message)
		}
	}
	for _, token := range succeeded {
		n := l.of(names[token])
		switch last := counts[token] == attempts; {
		case verb == events.Acknowledge:
			n.done = true
		case verb == events.Reject, verb == events.Release && last:
			n.dead = true
		case verb == events.RenewLock && n.count == counts[token]:
			n.until = asked.Add(shortestLock - time.Second)
		}
	}
}

// readLetters counts the dead letters that there are.
func (y *yard) readLetters() {
	for _, l := range y.ledgers {
		for _, n := range l.copies {
			n.letters = 0
		}
	}
	root := filepath.Join(y.dir, "data", "deadletter")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var list []struct{ Event json.RawMessage }
		if err := json.Unmarshal(text, &list); err != nil || len(list) == 0 {
			y.Errorf("dead letters %s: %v\n%s", path, err, text)
		}
		for _, l := range y.ledgers {
			if strings.Contains(path, "/states/"+l.name+"/") {
				for _, letter := range list {
					l.of(nameOfEvent(y, letter.Event)).letters++
				}
			}
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		y.Errorf("dead letters: %v", err)
	}
}

// unsettled is how many events are neither settled nor dead letters, of all subscriptions.
func (y *yard) unsettled() (n int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.readLetters()
	for _, l := range y.ledgers {
		for name := range y.kept {
			if !l.matches(name) {
				continue
			}
			if c := l.of(name); !c.done && c.letters == 0 && (c.dead || !c.perhaps) {
				n++
			}
		}
	}
	return n
}

// judge says what is wrong at the end.
func (y *yard) judge() {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.readLetters()
	sum := map[string]int{}
	for _, l := range y.ledgers {
		for name := range y.kept {
			if !l.matches(name) {
				continue
			}
			switch c := l.of(name); {
			case c.done || c.letters > 0:
			case !c.seen:
				y.Errorf("%s: %q was acknowledged to its publisher, and is lost", l.name, name)
			case !c.perhaps:
				y.Errorf("%s: %q was received (the %d. time), not settled, and does not come again", l.name, name, c.count)
			}
		}
		for name, c := range l.copies {
			switch {
			case l.name == pushed: // what a webhook answered before a kill is not known
			case c.dead && c.letters == 0:
				y.Errorf("%s: %q was rejected, or released for the last time, and is no dead letter", l.name, name)
			case c.done && c.letters > 0:
				y.Errorf("%s: %q was acknowledged, and is a dead letter", l.name, name)
			}
			for what, is := range map[string]bool{"acknowledged": c.done, "rejected or used up": c.dead, "dead letters": c.letters > 0, "never received": !c.seen,
				"dead letters twice": c.letters > 1, "settled without an answer": c.perhaps && !c.done && !c.dead, "delivered again": c.count > 1} {
				if is {
					sum[what]++
				}
			}
		}
	}
	y.Logf("%d kills; %d published, %d acknowledged to their publishers; copies %v", *killCount, y.number.Load(), len(y.kept), sum)
	if sum["dead letters"] < *killCount || sum["delivered again"] < *killCount {
		y.Error("the test has tested little")
	}
}
