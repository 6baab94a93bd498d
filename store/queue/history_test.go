package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gridmq/store"
)

// A history is a run of queues beside a slow model of what must come back: the
// list of everything that was submitted, in the order of the log.
type history struct {
	l       *ledger
	office  *office
	owner   Owner // the office, perhaps with Find
	q       *Queues
	o       Options
	alive   []ID
	members []ID // queues that never end: messages are assigned among them
	bodies  int
	effects []effect
	dones   map[key]doneState
	lost    bool // a full store has refused Done calls, and no round has made up for it
}

type key struct {
	id  ID
	seq uint64
}

// doneState says what is known of a message that is done.
type doneState int

const (
	waiting doneState = iota
	maybe             // done, but it may come back
	surely            // done, and it may not
)

// An effect is one entry of the log as the model remembers it.
type effect struct {
	pos      store.Position // of the entry
	m        *Message
	received key
	release  Claim
	assign   *assignEntry
	body     []byte // of an assigned message
}

var historyOptions = Options{RangeSize: 8, CopyForwardBelow: 60, CopyForwardAge: 1, SnapshotEntries: 1 << 30, SnapshotBytes: 1 << 40}

func newHistory(finds bool, o Options) *history {
	h := &history{l: newLedger(), o: o, dones: map[key]doneState{}, alive: []ID{1, 2, 3, 4, 70}, members: []ID{1, 2}}
	h.open(finds)
	return h
}

func (h *history) open(finds bool) {
	h.office = newOffice(h.alive...)
	h.owner = h.office
	if finds {
		h.owner = findingOffice{h.office}
	}
	var err error
	h.q, err = Open(h.l, store.LogID{Namespace: "n"}, h.o, h.office)
	if err != nil {
		panic(err)
	}
	h.office.q = h.q
	h.q.owner, h.lost = h.owner, false
	h.q.tellLost()
}

func (h *history) publish(t *rapid.T) {
	h.bodies++
	m := &Message{Record: fmt.Appendf(nil, "%d %s", h.bodies, bytes.Repeat([]byte("x"), rapid.IntRange(0, 60).Draw(t, "size")))}
	ids := append(slices.Clone(h.alive), 99) // 99 has ended
	for _, id := range rapid.SliceOfDistinct(rapid.SampledFrom(ids), rapid.ID[ID]).Draw(t, "targets") {
		m.Targets = append(m.Targets, Target{id, uint8(rapid.IntRange(0, 2).Draw(t, "flags")), []uint32{uint32(id)}})
	}
	if rapid.IntRange(0, 3).Draw(t, "claims") == 0 {
		m.Claim = Claim{rapid.SampledFrom(h.alive).Draw(t, "claimer"), uint16(rapid.IntRange(1, 3).Draw(t, "packet"))}
	}
	d := delivery{o: h.office, m: m}
	if _, err := h.q.Publish(m, &d); err == nil {
		h.effects = append(h.effects, effect{pos: d.pos, m: m})
	} else if !errors.Is(err, ErrQuota) && !errors.Is(err, store.ErrClosed) && !errors.Is(err, store.ErrFull) {
		t.Fatalf("publish: %v", err)
	}
}

// pick chooses a waiting message; ok is false when there is none.
func (h *history) pick(t *rapid.T, ids []ID) (k key, it item, ok bool) {
	var all []key
	for _, id := range ids {
		for seq := range h.office.queues[id].items {
			all = append(all, key{id, seq})
		}
	}
	if len(all) == 0 {
		return k, it, false
	}
	slices.SortFunc(all, func(a, b key) int { return int(a.id)*1000 + int(a.seq) - int(b.id)*1000 - int(b.seq) })
	k = rapid.SampledFrom(all).Draw(t, "message")
	return k, h.office.queues[k.id].items[k.seq], true
}

func (h *history) done(t *rapid.T) {
	k, it, ok := h.pick(t, h.alive)
	if !ok {
		return
	}
	delete(h.office.queues[k.id].items, k.seq)
	h.q.Done(k.id, k.seq, it.pos)
	h.dones[k] = maybe
}

// doneMany finishes most of what waits, so that ranges become nearly empty.
func (h *history) doneMany(t *rapid.T) {
	for range rapid.IntRange(5, 40).Draw(t, "n") {
		h.done(t)
	}
}

func (h *history) receivedOne(t *rapid.T) {
	k, _, ok := h.pick(t, h.alive)
	if !ok {
		return
	}
	was := h.office.queues[k.id].items[k.seq]
	h.office.Received(k.id, k.seq)
	_, err := h.q.Received(k.id, k.seq)
	switch {
	case err == nil:
		h.effects = append(h.effects, effect{pos: h.l.last, received: k})
	case errors.Is(err, store.ErrFull):
		h.office.queues[k.id].items[k.seq] = was
	}
}

func (h *history) release(t *rapid.T) {
	c := Claim{rapid.SampledFrom(h.alive).Draw(t, "id"), uint16(rapid.IntRange(1, 3).Draw(t, "packet"))}
	had := h.office.queues[c.Queue].claims[c.PacketID]
	h.office.Release(c.Queue, c.PacketID)
	_, err := h.q.Release(c.Queue, c.PacketID)
	switch {
	case err == nil:
		h.effects = append(h.effects, effect{pos: h.l.last, release: c})
	case errors.Is(err, store.ErrFull) && had:
		h.office.Claim(c.Queue, c.PacketID)
	}
}

func (h *history) assign(t *rapid.T) {
	k, it, ok := h.pick(t, h.members)
	if !ok {
		return
	}
	body, err := h.body(it.pos)
	if err != nil {
		t.Fatalf("load %v at %d: %v", k, it.pos, err)
	}
	to := Target{3 - k.id, it.flags + 1, []uint32{9}}
	a := &assignEntry{group: k.id, seq: k.seq, pos: it.pos, to: to}
	e := &handover{o: h.office, group: k.id, seq: k.seq, to: to}
	if _, err := h.q.Assign(k.id, k.seq, it.pos, to, e); err == nil {
		h.effects = append(h.effects, effect{pos: h.l.last, assign: a, body: body})
	}
}

// end removes a queue for ever and starts another.
func (h *history) end(t *rapid.T) {
	i := rapid.IntRange(2, len(h.alive)-1).Draw(t, "which")
	id := h.alive[i]
	var positions []store.Position
	for _, it := range h.office.queues[id].items {
		positions = append(positions, it.pos)
	}
	delete(h.office.queues, id)
	h.q.Ended(id, positions)
	h.alive[i] = 100 + ID(h.bodies*10+i)
	for slices.Contains(h.alive[:i], h.alive[i]) || h.office.queues[h.alive[i]] != nil {
		h.alive[i] += 1000
	}
	h.office.queues[h.alive[i]] = newInbox()
}

// flush makes every Done durable.
func (h *history) flush(t *rapid.T) {
	h.q.flushDones()
	if err := h.l.Sync(context.Background()); err != nil || h.lost {
		return
	}
	for k := range h.dones {
		h.dones[k] = surely
	}
}

// fill lets the store be full, or have space again. Then Publish alone is refused.
func (h *history) fill(*rapid.T) { h.l.full = !h.l.full }

// tidy is one of the jobs of Run.
func (h *history) tidy(t *rapid.T) {
	ctx := context.Background()
	jobs := map[string]func() error{
		"round":   func() error { return h.q.round(ctx) },
		"reclaim": func() error { return h.q.reclaim(ctx) },
		"copy":    func() error { return h.q.copyForward(ctx, rapid.Bool().Draw(t, "hard")) },
		"flush":   func() error { h.q.flushDones(); return nil },
	}
	if h.o.QuotaBytes > 0 || h.l.full {
		jobs["relieve"] = func() error { return h.relieve(ctx) }
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(jobs))).Draw(t, "job")
	h.interfere(t)
	h.l.room = rapid.SampledFrom([]int{-1, -1, -1, 0, 1, 2}).Draw(t, "room")
	before := h.q.Stats().Lost
	defer func() { h.l.onSync, h.office.onMove, h.l.room = nil, nil, -1 }()
	err := jobs[name]()
	if err != nil && !errors.Is(err, store.ErrClosed) && !errors.Is(err, store.ErrFull) {
		t.Fatalf("%s: %v", name, err)
	}
	if h.q.Stats().Lost > before {
		h.lost = true
	} else if name == "round" && err == nil {
		h.lost = false
	}
}

// interfere lets clients go on while a job waits for the disk, and right when a
// pointer is being moved.
func (h *history) interfere(t *rapid.T) {
	if rapid.Bool().Draw(t, "quiet") {
		return
	}
	actions := map[string]func(*rapid.T){"publish": h.publish, "assign": h.assign, "done": h.done, "end": h.end, "received": h.receivedOne}
	h.l.onSync = func() {
		for range rapid.IntRange(0, 3).Draw(t, "meanwhile") {
			actions[rapid.SampledFrom(slices.Sorted(maps.Keys(actions))).Draw(t, "what")](t)
		}
	}
	// Drawn before, since rapid may leave by a panic and locks are held there.
	races := rapid.SliceOfN(rapid.IntRange(0, 7), 1, 5).Draw(t, "done just now")
	n := 0
	h.office.onMove = func(id ID, pos store.Position) {
		race := races[n%len(races)]
		if n++; race > 1 {
			return
		}
		if seq, ok := h.office.find(id, pos); ok {
			delete(h.office.queues[id].items, seq)
			h.q.Done(id, seq, pos)
			h.dones[key{id, seq}] = maybe
		}
		if race == 1 {
			h.q.flushDones()
		}
	}
}

func (h *history) relieve(ctx context.Context) error {
	h.office.gone = nil
	err := h.q.relieve(ctx)
	for _, k := range h.office.gone { // some may have come meanwhile
		h.dones[k] = maybe
	}
	return err
}

// crash cuts the power, perhaps in the middle of a job, opens the store again
// and compares.
func (h *history) crash(t *rapid.T) {
	if rapid.Bool().Draw(t, "in a job") {
		h.l.fuel = rapid.IntRange(0, 8).Draw(t, "calls")
		for range rapid.IntRange(1, 3).Draw(t, "jobs") {
			h.tidy(t)
		}
	}
	h.l = h.l.crash(rapid.IntRange(0, len(h.l.pending)).Draw(t, "groups that survive"))
	h.open(h.finds(t))
	h.compare(t)
}

// shutdown ends in good order: nearly nothing is replayed.
func (h *history) shutdown(t *rapid.T) {
	h.q.shutdown(context.Background())
	h.lost = false
	for k := range h.dones {
		h.dones[k] = surely
	}
	h.l = h.l.crash(len(h.l.pending))
	h.open(h.finds(t))
	if n := h.q.Stats().Replayed; n > 0 {
		t.Fatalf("replayed %d entries after a clean shutdown", n)
	}
	h.compare(t)
}

// finds says whether the owner can be asked for its pointers. Under a quota it
// must: else those of assigned messages are found out only when they are used.
func (h *history) finds(t *rapid.T) bool {
	return h.o.QuotaBytes > 0 || rapid.Bool().Draw(t, "finds")
}

func (h *history) body(pos store.Position) ([]byte, error) {
	h.l.mu.Lock()
	defer h.l.mu.Unlock()
	s := ledgerState{entries: maps.Clone(h.l.durable.entries), docs: maps.Clone(h.l.durable.docs)}
	for _, apply := range h.l.pending {
		apply(&s)
	}
	entry, ok := s.entries[pos]
	if !ok {
		return nil, store.ErrNotFound
	}
	return recordOf(entry)
}

// An expectation is what the model says of one queue.
type expectation struct {
	next   uint64
	bodies map[uint64][]byte
	flags  map[uint64]uint8
	got    map[uint64]bool // received
	claims map[uint16]bool
}

// expect replays the effects that survived, done or not.
func (h *history) expect() map[ID]*expectation {
	all := map[ID]*expectation{}
	of := func(id ID) *expectation {
		if all[id] == nil {
			all[id] = &expectation{1, map[uint64][]byte{}, map[uint64]uint8{}, map[uint64]bool{}, map[uint16]bool{}}
		}
		return all[id]
	}
	add := func(t Target, body []byte) {
		x := of(t.Queue)
		x.bodies[x.next], x.flags[x.next] = body, t.Flags
		x.next++
	}
	for _, e := range h.effects {
		switch {
		case e.m != nil:
			for _, t := range e.m.Targets {
				add(t, e.m.Record)
			}
			if e.m.Claim.Queue != 0 {
				of(e.m.Claim.Queue).claims[e.m.Claim.PacketID] = true
			}
		case e.assign != nil:
			delete(of(e.assign.group).bodies, e.assign.seq)
			add(e.assign.to, e.body)
		case e.received.id != 0:
			of(e.received.id).got[e.received.seq] = true
		default:
			delete(of(e.release.Queue).claims, e.release.PacketID)
		}
	}
	return all
}

// compare checks what came back after a restart and makes it the truth.
func (h *history) compare(t *rapid.T) {
	h.effects = slices.DeleteFunc(h.effects, func(e effect) bool { return e.pos > h.l.last })
	want := h.expect()
	maps.DeleteFunc(h.dones, func(k key, _ doneState) bool { // its number will be used again
		return want[k.id] == nil || k.seq >= want[k.id].next
	})
	for _, id := range h.alive {
		x, b := want[id], h.office.queues[id]
		if x == nil {
			x = &expectation{next: 1}
		}
		if b.next != x.next {
			t.Fatalf("queue %d: next seq %d, want %d", id, b.next, x.next)
		}
		if fmt.Sprint(b.claims) != fmt.Sprint(x.claims) && len(b.claims)+len(x.claims) > 0 {
			t.Fatalf("queue %d: claims %v, want %v", id, b.claims, x.claims)
		}
		for seq := range b.items {
			if x.bodies[seq] == nil {
				t.Fatalf("queue %d: message %d came back after it was assigned or never existed", id, seq)
			}
		}
		for seq, body := range x.bodies {
			h.compareMessage(t, key{id, seq}, body, x.flags[seq], x.got[seq])
		}
	}
}

func (h *history) compareMessage(t *rapid.T, k key, body []byte, flags uint8, received bool) {
	it, there := h.office.queues[k.id].items[k.seq]
	switch state := h.dones[k]; {
	case there && state == surely:
		t.Fatalf("%v came back although it was done", k)
	case !there && state == waiting:
		t.Fatalf("%v was lost", k)
	case !there:
		h.dones[k] = surely
		return
	}
	delete(h.dones, k)
	if got, err := h.q.Load(it.pos); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%v at %d is %q, %v; want %q", k, it.pos, got, err, body)
	}
	if it.flags != flags || it.received != received {
		t.Fatalf("%v has flags %d and received %v, want %d and %v", k, it.flags, it.received, flags, received)
	}
}

// check compares the counts with the pointers, after every step.
func (h *history) check(t *rapid.T) {
	live := map[store.Position]int64{}
	count := func(pos store.Position) {
		if sp := h.q.tail.spans.find(pos); sp != nil {
			live[sp.first]++
		}
	}
	for id, b := range h.office.queues {
		for seq, it := range b.items {
			count(it.pos)
			if !h.l.has(it.pos) && h.l.fuel < 0 {
				t.Fatalf("queue %d: the record of message %d at %d is gone", id, seq, it.pos)
			}
		}
	}
	for _, f := range h.q.dones.items {
		count(f.pos)
	}
	held, total := int64(0), int64(0)
	for _, sp := range h.q.tail.spans.list {
		if sp.live != live[sp.first] {
			t.Fatalf("span [%d, %d): %d live, want %d", sp.first, sp.end, sp.live, live[sp.first])
		}
		if total += sp.live; sp.live > 0 {
			held += sp.bytes
		}
	}
	if s := h.q.Stats(); s.LogBytes != held || s.Live != total || s.Unbalanced != 0 {
		t.Fatalf("held %d, live %d, %d unbalanced; want %d, %d, 0", s.LogBytes, s.Live, s.Unbalanced, held, total)
	}
}

func (h *history) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"publish":      h.publish,
		"publish more": func(t *rapid.T) { h.publish(t); h.publish(t); h.publish(t) },
		"done":         h.done,
		"done many":    h.doneMany,
		"received":     h.receivedOne,
		"release":      h.release,
		"assign":       h.assign,
		"end":          h.end,
		"flush":        h.flush,
		"fill":         h.fill,
		"tidy":         h.tidy,
		"tidy again":   h.tidy,
		"commit":       func(t *rapid.T) { h.l.commitSome(rapid.IntRange(1, 5).Draw(t, "groups")) },
		"crash":        h.crash,
		"shutdown":     h.shutdown,
		"":             h.check,
	}
}

func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(rapid.Bool().Draw(t, "finds"), historyOptions)
		t.Repeat(h.actions())
		h.crash(t)
	})
}

func TestHistoriesWithQuota(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := historyOptions
		o.QuotaBytes = int64(rapid.IntRange(500, 3000).Draw(t, "quota"))
		o.Quota = rapid.SampledFrom([]Policy{Refuse, DropOldest}).Draw(t, "policy")
		h := newHistory(true, o)
		t.Repeat(h.actions())
		h.crash(t)
	})
}
