package robustness

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"gridmq/mqtt"
)

// The small disk, and how much of it the broker keeps free (store.reserve).
const (
	diskSize    = 96 << 20
	diskReserve = diskSize / 4
)

// TestFullDisk fills a small disk: with the queues of sessions that are away,
// then nearly and then to the last byte with a file of somebody else, with
// kills in between. Durable work is refused with 0x97, everything else goes on;
// when there is space again the broker finds out by itself; what it has
// acknowledged, before and meanwhile, arrives.
func TestFullDisk(t *testing.T) {
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	disk := smallDisk(t, diskSize)
	p := newProcess(t, bin, wideQueues...)
	p.data, p.allowed = filepath.Join(disk, "data"), fullDiskLog
	p.start()
	f := newFlood(t, p)

	f.fill(60 * time.Second)
	t.Logf("full of queued messages: %s; %d KiB free, %d MiB resident", f, freeBytes(t, disk)>>10, p.mib("VmRSS"))
	crammed := cram(t, disk, diskReserve*2/3) // so that no compaction makes room
	f.wantFull(t)
	t.Run("refused", f.refused)
	t.Run("goes on", f.goesOn)
	t.Run("comes back", f.comesBack)
	p.kill()
	took := p.start()
	t.Logf("killed while full: ready in %v, %d KiB free", took.Round(time.Millisecond), freeBytes(t, disk)>>10)
	cram(t, disk, diskReserve*5/6) // a start writes tables, and gives logs up
	f.wantFull(t)
	t.Run("refused after kill -9", f.refused)
	t.Run("goes on after kill -9", f.goesOn)
	t.Run("comes back after kill -9", f.comesBack)
	// Those who have something to fetch are what makes space again.
	t.Run("fetched while full", f.drain)
	t.Run("made room", func(t *testing.T) { f.madeRoom(t, disk) })
	t.Run("resumes", f.resumes)
	remove(t, crammed)

	crammed = cram(t, disk, 0)
	time.Sleep(2 * time.Second) // the store's own work meets a disk without a byte
	t.Logf("crammed: %d bytes free", freeBytes(t, disk))
	f.wantFull(t)
	t.Run("refused without a byte", f.refused)
	t.Run("goes on without a byte", f.goesOn)
	remove(t, crammed)
	t.Run("resumes again", f.resumes)
	t.Run("fetched", f.drain)
	p.kill() // the end state must have been stored as well
	p.start()
	t.Run("fetched after kill -9", f.drain)
	p.stop()
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

// wantFull waits until the broker has noticed. What was refused before does not
// count: the disk may have been nearly full then, when what is small still fits.
func (f *flood) wantFull(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	looked := func() bool { return f.p.metric("gridmq_store_free_bytes") < diskReserve }
	for first := true; first || !looked() && ctx.Err() == nil; first = false {
		for _, p := range f.pours { // a refusal makes the store look
			p.forgetRefusals()
			if !p.run(ctx, func() bool { return p.refusedInARow() >= 5 }) {
				t.Errorf("durable work is not refused although the disk is full: %s", p)
			}
		}
	}
	if !looked() {
		t.Errorf("the store has not noticed that the disk is full")
	}
}

// fullDiskLog is what a broker may say about a full disk.
var fullDiskLog = regexp.MustCompile(`store is full|not enough free space|no space left|ballast was given up`)

// flood is two publishers, two sessions that sleep, and those who look on.
type flood struct {
	t        *testing.T
	p        *process
	pours    []*pour
	sleepers []*sleeper
	regular  *device // persistent, and subscribes whenever it connects
	visits   int     // for names
}

// newFlood makes the sessions: one for each QoS and version.
func newFlood(t *testing.T, p *process) *flood {
	f := &flood{t: t, p: p}
	for i, v := range []mqtt.Version{mqtt.V311, mqtt.V5} {
		qos := byte(1 + i)
		d := &device{id: []string{"sleeper-1", "sleeper-2"}[i], v: v, expiry: never, dial: p.dial, fault: t.Errorf}
		s := newSleeper(d)
		l, _, err := d.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.subscribe(qos, "flood/#"); err != nil {
			t.Fatal(err)
		}
		d.disconnect(l)
		d.close()
		f.sleepers = append(f.sleepers, s)
		f.pours = append(f.pours, newPour(t, p, qos))
	}
	f.regular = &device{id: "regular", v: mqtt.V5, expiry: never, dial: p.dial, fault: t.Errorf}
	f.visit(t, func() {
		if codes, err := f.regular.subscribe(1, "quiet/#"); err != nil || codes[0].IsError() {
			t.Fatalf("SUBSCRIBE: %v, %v", codes, err)
		}
	})
	return f
}

func (f *flood) String() string { return f.pours[0].String() + ", " + f.pours[1].String() }

// fill publishes until both publishers are refused, again and again.
func (f *flood) fill(patience time.Duration) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	done := make(chan bool, len(f.pours))
	for _, p := range f.pours {
		go func() { done <- p.run(ctx, func() bool { return p.refusedInARow() >= 50 }) }()
	}
	for range f.pours {
		if !<-done {
			f.t.Errorf("the disk is not full after %v: %s", patience, f)
		}
	}
}

// resumes publishes until both publishers are accepted again.
func (f *flood) resumes(t *testing.T) {
	for _, p := range f.pours {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		begin, before := time.Now(), p.accepted()
		if !p.run(ctx, func() bool { return p.accepted() >= before+20 }) {
			t.Errorf("durable work is still refused 20 s after there is space: %s; full: %v", p, f.p.metric("gridmq_store_full"))
		} else {
			t.Logf("20 messages accepted within %v", time.Since(begin).Round(time.Millisecond))
		}
		cancel()
	}
}

// madeRoom waits until the store is not full any more, although nobody else has
// made room and nobody publishes: what was fetched is what made it.
func (f *flood) madeRoom(t *testing.T, disk string) {
	begin := time.Now()
	if !waitFor(20*time.Second, func() bool { return f.p.metric("gridmq_store_full") == 0 }) {
		t.Errorf("the store is still full %v after everything was fetched", time.Since(begin).Round(time.Second))
	}
	t.Logf("not full after %v, %d KiB free", time.Since(begin).Round(time.Millisecond), freeBytes(t, disk)>>10)
}

// drain connects the sessions that slept; they must get exactly what was
// acknowledged and has not come yet.
func (f *flood) drain(t *testing.T) {
	begin := time.Now()
	for _, s := range f.sleepers {
		s.fetch(t, f.pours, 15*time.Second)
	}
	t.Logf("%d and %d messages in all, after %v; store full: %v", f.sleepers[0].count(), f.sleepers[1].count(),
		time.Since(begin).Round(time.Millisecond), f.p.metric("gridmq_store_full"))
}
