package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gridmq/store"
	"gridmq/store/storetest"
)

// smallDisk mounts a file system of that many bytes. Root alone can; with
// CI=true a run that leaves these tests out without need fails.
func smallDisk(t *testing.T, size int64) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("full disks are tested as root: only root can mount a small one")
		}
		t.Skip("only root can mount a small disk")
	}
	err := syscall.Mount("gridmq-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size))
	impossible := errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENODEV)
	if impossible && os.Getenv("CI") != "true" {
		t.Skipf("mounting is impossible here: %v", err) // a container
	}
	if err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// A press submits entries that do not compress and remembers which of them were
// acknowledged. What an entry says follows from its position in the press.
type press struct {
	s   *Store
	log store.LogID

	mu    sync.Mutex
	acked map[store.Position]uint64
	full  int
	err   error // other than ErrFull
}

func newPress(s *Store) *press {
	return &press{s: s, log: store.LogID{Namespace: "full"}, acked: map[store.Position]uint64{}}
}

// entry is 4 KiB.
func (p *press) entry(n uint64) []byte {
	b := make([]byte, 4<<10)
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], n)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

type ack struct {
	p   *press
	pos store.Position
	n   uint64
}

func (a ack) Committed(_ store.Ticket, err error) {
	a.p.mu.Lock()
	defer a.p.mu.Unlock()
	if err != nil {
		a.p.err = err
		return
	}
	a.p.acked[a.pos] = a.n
}

// submit tries one entry and says whether it was accepted.
func (p *press) submit(n uint64) bool {
	pos, t, err := p.s.Submit(&store.Batch{Log: p.log, Entries: [][]byte{p.entry(n)}})
	if err == nil {
		p.s.Notify(t, ack{p, pos, n})
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(err, store.ErrFull) {
		p.full++
	} else {
		p.err = err
	}
	return false
}

// run submits from four goroutines, n entries each, or fewer when it is full.
func (p *press) run(n int, salt uint64) {
	var wg sync.WaitGroup
	for w := range uint64(4) {
		wg.Go(func() {
			for i, refused := 0, 0; i < n && refused < 100; i++ {
				if !p.submit(salt<<32 | w<<24 | uint64(i)) {
					refused++
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
}

// check looks for every acknowledged entry from position first on.
func (p *press) check(t *testing.T, first store.Position) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		t.Fatalf("got %v, want nothing but ErrFull", p.err)
	}
	for pos, n := range p.acked {
		if pos < first {
			continue
		}
		if e, err := p.s.ReadAt(p.log, pos); err != nil || !bytes.Equal(e, p.entry(n)) {
			t.Fatalf("acknowledged entry %d is not there: %d bytes, %v", pos, len(e), err)
		}
	}
	if d := p.s.Damaged(); len(d) > 0 {
		t.Fatalf("damaged: %v", d)
	}
}

// fill takes all that is left of the disk, as another process may, and returns
// how to give it back.
func fill(t *testing.T, dir string) (giveBack func()) {
	t.Helper()
	name := filepath.Join(dir, "stranger")
	f, err := os.Create(name)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 1; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 4
		}
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Errorf("remove: %v", err)
		}
	}
}

// TestFull fills a disk with entries: they are refused before it is full, and
// accepted again when some have been truncated.
func TestFull(t *testing.T) {
	o := Options{Dir: filepath.Join(smallDisk(t, 32<<20), "data")}
	s := mustOpen(t, o)
	defer func() { s.Close() }()
	p := newPress(s)
	p.run(5_000, 1)
	if st := s.Stats(); p.full == 0 || !st.Full || st.FreeBytes == 0 {
		t.Fatalf("refused %d times; Stats = %+v: want it full, and space left", p.full, st)
	}
	p.check(t, 1)
	if _, err := s.Get([]byte("none")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get when full: %v", err)
	}

	_, last := s.Bounds(p.log)
	half := last / 2
	if err := s.Truncate(p.log, 1, half); err != nil {
		t.Fatalf("Truncate when full: %v", err)
	}
	storetest.Eventually(t, "truncating made room", func() bool { return p.submit(2 << 32) })
	p.run(200, 3)
	if err := s.Sync(t.Context()); err != nil {
		t.Fatalf("Sync: %v", err)
	}
	p.check(t, half)
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	s = mustOpen(t, o)
	p.s = s
	p.check(t, half)
}

// TestFullStranger lets another process take the disk to the last byte, below
// everything the store keeps free, under traffic. It waits and goes on by itself.
func TestFullStranger(t *testing.T) {
	dir := smallDisk(t, 32<<20)
	o := Options{Dir: filepath.Join(dir, "data")}
	s := mustOpen(t, o)
	defer func() { s.Close() }()
	p := newPress(s)
	p.run(250, 1)
	for round := range uint64(3) {
		var giveBack func()
		var wg sync.WaitGroup
		wg.Go(func() { p.run(500, 10+round) })
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
		giveBack = fill(t, dir)
		wg.Wait()
		storetest.Eventually(t, "refused on a full disk", func() bool { return !p.submit((20 + round) << 32) })
		p.check(t, 1) // what waits is not lost, only late
		giveBack()
		storetest.Eventually(t, "space is back", func() bool { return p.submit((30 + round) << 32) })
		if err := s.Sync(t.Context()); err != nil {
			t.Fatalf("Sync: %v", err)
		}
		p.check(t, 1)
		_, last := s.Bounds(p.log)
		if err := s.Truncate(p.log, 1, last-100); err != nil {
			t.Fatalf("Truncate: %v", err)
		}
		for pos := range p.acked {
			if pos < last-100 {
				delete(p.acked, pos)
			}
		}
	}
	if p.full == 0 {
		t.Errorf("never refused on a full disk")
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	s = mustOpen(t, o)
	p.s = s
	p.check(t, 1)
}

// TestFullReopen closes a store on a full disk and opens it there.
func TestFullReopen(t *testing.T) {
	dir := smallDisk(t, 32<<20)
	o := Options{Dir: filepath.Join(dir, "data")}
	s := mustOpen(t, o)
	p := newPress(s)
	p.run(400, 1)
	if err := s.Sync(t.Context()); err != nil {
		t.Fatalf("Sync: %v", err)
	}
	giveBack := fill(t, dir)
	if err := s.Close(); err != nil {
		t.Fatalf("Close on a full disk: %v", err)
	}
	s, err := Open(o)
	if err != nil { // it may need space to begin; then nothing is lost
		t.Logf("Open on a full disk: %v", err)
		giveBack()
		s = mustOpen(t, o)
	} else {
		giveBack()
	}
	defer s.Close()
	p.s = s
	p.check(t, 1)
	storetest.Eventually(t, "space is back", func() bool { return p.submit(2 << 32) })
}

// cram takes what another process may until only so much is left.
func cram(t *testing.T, dir string, leave uint64) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "crammed"))
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	defer f.Close()
	for block := make([]byte, 16<<10); ; {
		u, err := vfs.Default.GetDiskUsage(dir)
		if err == nil && u.AvailBytes <= leave {
			return
		}
		if _, err = f.Write(block); err != nil {
			t.Fatalf("cram: %v", err)
		}
	}
}

// TestFullRewriting writes documents again and again on a disk that stays full,
// as sessions do that connect and lose their connections: many times what the
// slack is. It may have to wait for compactions, but it goes on.
func TestFullRewriting(t *testing.T) {
	for _, left := range []float64{0.9, 0.7} { // of the reserve, without the ballast
		t.Run(fmt.Sprint(left), func(t *testing.T) { testFullRewriting(t, left) })
	}
}

func testFullRewriting(t *testing.T, left float64) {
	dir := smallDisk(t, 32<<20)
	s := mustOpen(t, Options{Dir: filepath.Join(dir, "data")})
	defer s.Close()
	p := newPress(s)
	p.run(5_000, 1)
	if err := s.Sync(t.Context()); err != nil {
		t.Fatalf("Sync: %v", err)
	}
	if err := s.db.Flush(); err != nil { // or its room is taken, and nothing goes on
		t.Fatalf("Flush: %v", err)
	}
	s.disk.release()
	cram(t, dir, uint64(left*float64(s.disk.reserve)))
	storetest.Eventually(t, "full", func() bool { return !p.submit(2 << 32) })

	const documents, rounds, size = 100, 200, 1 << 10
	refused, lowest := 0, int64(math.MaxInt64)
	for i := range documents * rounds {
		b := store.Batch{Frees: true}
		b.Put(fmt.Append(nil, "session/", i%documents), p.entry(uint64(i))[:size])
		storetest.Eventually(t, "a document is written again", func() bool {
			_, _, err := s.Submit(&b)
			if errors.Is(err, store.ErrFull) {
				refused++
				return false
			}
			if err != nil {
				t.Fatalf("Submit: %v", err)
			}
			return true
		})
		if i%documents == 0 {
			if err := s.Sync(t.Context()); err != nil {
				t.Fatalf("Sync: %v", err)
			}
			lowest = min(lowest, s.disk.look())
		}
	}
	slack := (s.disk.reserve - s.disk.edge()) / 2
	t.Logf("%d KiB written into a slack of %d KiB, %d times refused; at least %d KiB of a reserve of %d KiB were free",
		documents*rounds*size>>10, slack>>10, refused, lowest>>10, s.disk.reserve>>10)
	p.check(t, 1)
	if lowest < s.disk.reserve/4 {
		t.Errorf("only %d bytes were free at times: flushes were refused", lowest)
	}
}

// A meter is a file system that has as much space as it is told, and whose
// flushes wait while there is a gate.
type meter struct {
	vfs.FS
	free atomic.Uint64
	gate chan struct{} // closed to open it
}

func (m *meter) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: m.free.Load(), TotalBytes: 1 << 30}, nil
}

func (m *meter) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if c == "pebble-memtable-flush" {
		<-m.gate
	}
	return m.FS.Create(name, c)
}

// TestFullUnflushed takes the space that a flush still needs. Pebble then stalls
// whoever writes, so nothing may be accepted until the flush is over.
func TestFullUnflushed(t *testing.T) {
	const reserve, large = 16 << 20, 6 << 20
	m := &meter{FS: vfs.NewMem(), gate: make(chan struct{})}
	m.free.Store(4 * reserve)
	s := mustOpen(t, Options{Dir: "data", FS: m, Reserve: reserve})
	defer s.Close()
	b := store.Batch{Log: store.LogID{Namespace: "full"}, Entries: [][]byte{make([]byte, large)}}
	if _, err := s.Commit(t.Context(), &b); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	m.free.Store(reserve * 9 / 10) // what is left without the flush is below the slack
	event := store.Batch{Log: b.Log, Entries: [][]byte{[]byte("done")}, Frees: true}
	storetest.Eventually(t, "nothing is accepted", func() bool {
		_, _, err := s.Submit(&event)
		return errors.Is(err, store.ErrFull)
	})
	close(m.gate)
	storetest.Eventually(t, "events are accepted after the flush", func() bool {
		_, _, err := s.Submit(&event)
		return err == nil
	})
	if err := s.Sync(t.Context()); err != nil {
		t.Fatalf("Sync: %v", err)
	}
	b.Entries = [][]byte{[]byte("x")}
	if _, _, err := s.Submit(&b); !errors.Is(err, store.ErrFull) {
		t.Errorf("Submit below the reserve: %v, want ErrFull", err)
	}
}

// TestFullLogs fills the disk after large groups, whose logs Pebble keeps for
// later use: they are given up, and small ones take their place.
func TestFullLogs(t *testing.T) {
	const reserve, large = 16 << 20, 6 << 20
	m := &meter{FS: vfs.NewMem(), gate: make(chan struct{})}
	close(m.gate)
	m.free.Store(4 * reserve)
	s := mustOpen(t, Options{Dir: "data", FS: m, Reserve: reserve})
	defer s.Close()
	b := store.Batch{Log: store.LogID{Namespace: "full"}, Entries: [][]byte{make([]byte, large)}}
	for range 3 {
		if _, err := s.Commit(t.Context(), &b); err != nil {
			t.Fatalf("Commit: %v", err)
		}
	}
	if err := s.db.Flush(); err != nil {
		t.Fatalf("Flush: %v", err)
	}
	logs := func() (n int64) {
		names, err := m.List("data")
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, ".log") {
				continue
			}
			if info, err := m.Stat(m.PathJoin("data", name)); err == nil { // else it has just gone
				n += info.Size()
			}
		}
		return n
	}
	if n := logs(); n < large {
		t.Fatalf("%d bytes of logs: Pebble does not keep any, and squeeze is not needed", n)
	}
	m.free.Store(reserve * 7 / 10)
	b.Entries, b.Frees = [][]byte{[]byte("done")}, true
	storetest.Eventually(t, "the store has seen what is left", func() bool { // it looks every 100 ms, if something is written
		if _, err := s.Commit(t.Context(), &b); err != nil {
			t.Fatalf("Commit of an event: %v", err)
		}
		return s.Full()
	})
	storetest.Eventually(t, "large logs are gone", func() bool { return logs() < 1<<20 })
}
