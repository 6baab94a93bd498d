package resourcelog

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Options make a Log. File or Out is required.
type Options struct {
	File       string    // appended to, and opened again by Reopen
	Out        io.Writer // in the place of File; it is not closed
	Categories []Category
	// Queue is how many records may wait. Default 8192.
	Queue int
	// Every is how long records are counted together. Default a minute, as in Azure.
	Every time.Duration
	// Log receives that records cannot be written. Default: none.
	Log *slog.Logger
	// Registerer takes the metrics. nil is fine.
	Registerer prometheus.Registerer
}

// Why records are lost.
const (
	lostFull    = "queue_full"
	lostMany    = "too_many_different"
	lostUnwrite = "write_failed"
)

// A Log writes records. Nil writes none.
type Log struct {
	o       Options
	records chan Record
	reopen  chan struct{}
	closed  chan struct{}
	done    chan struct{} // closed when the writer has ended
	once    sync.Once

	written *prometheus.CounterVec // by category
	dropped *prometheus.CounterVec // by reason

	mu       sync.Mutex // guards what follows
	together together

	file   *os.File // the writer's, as what follows; nil: Options.Out
	out    *bufio.Writer
	broken bool
}

// Open begins to write.
func Open(o Options) (*Log, error) {
	o.Queue, o.Every = cmp.Or(o.Queue, 8192), cmp.Or(o.Every, time.Minute)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	l := &Log{o: o, records: make(chan Record, o.Queue), reopen: make(chan struct{}, 1), closed: make(chan struct{}), done: make(chan struct{}),
		together: together{}}
	if o.Out != nil {
		l.out = bufio.NewWriterSize(o.Out, 64<<10)
	} else if err := l.openFile(); err != nil {
		return nil, err
	}
	f := promauto.With(o.Registerer)
	l.written = f.NewCounterVec(prometheus.CounterOpts{Name: "gridmq_resource_log_records_total", Help: "Records of resource logs that were written, by category."}, []string{"category"})
	l.dropped = f.NewCounterVec(prometheus.CounterOpts{Name: "gridmq_resource_log_dropped_total", Help: "Records of resource logs that were lost, by reason."}, []string{"reason"})
	for _, reason := range []string{lostFull, lostMany, lostUnwrite} {
		l.dropped.WithLabelValues(reason)
	}
	go l.run() // ends with Close
	return l, nil
}

// Wants says whether records of a category are written, before somebody makes one.
func (l *Log) Wants(c Category) bool { return l != nil && slices.Contains(l.o.Categories, c) }

// Add has a record written. It never waits.
func (l *Log) Add(r Record) {
	if !l.Wants(r.Category) {
		return
	}
	r.bound()
	now := time.Now()
	if r.Category.together() {
		l.mu.Lock()
		ok := l.together.add(r, now)
		l.mu.Unlock()
		if !ok {
			l.dropped.WithLabelValues(lostMany).Inc()
		}
		return
	}
	r.Time = stamp(now)
	select {
	case l.records <- r:
	default:
		l.dropped.WithLabelValues(lostFull).Inc()
	}
}

// Reopen has the file opened again: it may have been moved away.
func (l *Log) Reopen() {
	if l == nil {
		return
	}
	select {
	case l.reopen <- struct{}{}:
	default: // it is going to be
	}
}

// Close writes what waits, for so long at most. Records that are added later are lost.
func (l *Log) Close(most time.Duration) {
	if l == nil {
		return
	}
	l.once.Do(func() { close(l.closed) })
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-l.done:
	case <-timer.C: // a pipe that nobody reads
	}
}

// run is the writer.
func (l *Log) run() {
	defer close(l.done)
	tick := time.NewTicker(l.o.Every)
	defer tick.Stop()
	for {
		select {
		case r := <-l.records:
			l.write(&r)
		case <-tick.C:
			l.writeCounted()
		case <-l.reopen:
			l.openAgain()
		case <-l.closed:
			l.rest()
			return
		}
		if len(l.records) == 0 {
			l.flush()
		}
	}
}

// rest writes what is left.
func (l *Log) rest() {
	for len(l.records) > 0 {
		r := <-l.records
		l.write(&r)
	}
	l.writeCounted()
	l.flush()
	if l.file != nil {
		_ = l.file.Close()
	}
}

func (l *Log) writeCounted() {
	l.mu.Lock()
	list := l.together.take()
	l.mu.Unlock()
	slices.SortFunc(list, func(a, b Record) int { return strings.Compare(a.Time, b.Time) })
	for i := range list {
		l.write(&list[i])
	}
}

// newTrace is a number to find a record by, as the samples spell it.
var newTrace = func() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

func (l *Log) write(r *Record) {
	if r.Category.traced() {
		r.Properties.TraceID = newTrace()
	}
	line, err := json.Marshal(r)
	if err == nil {
		_, err = l.out.Write(append(line, '\n'))
	}
	if err != nil {
		l.dropped.WithLabelValues(lostUnwrite).Inc()
		l.tell(err)
		return
	}
	l.written.WithLabelValues(string(r.Category)).Inc()
}

// flush gives what was written to the system. What is in the buffer after an error is lost,
// and the next records are tried anew.
func (l *Log) flush() {
	err := l.out.Flush()
	if err != nil {
		l.dropped.WithLabelValues(lostUnwrite).Inc() // at least
		l.renew()
	}
	l.tell(err)
}

func (l *Log) renew() {
	if l.file != nil {
		l.out.Reset(l.file)
	} else {
		l.out.Reset(l.o.Out)
	}
}

func (l *Log) openFile() error {
	f, err := os.OpenFile(l.o.File, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("resource log: %w", err)
	}
	l.file, l.out = f, bufio.NewWriterSize(f, 64<<10)
	return nil
}

// openAgain is for a file that was moved away. One that cannot be opened is tried with the
// next Reopen; until then the old one is written.
func (l *Log) openAgain() {
	if l.o.Out != nil {
		return
	}
	l.flush()
	old := l.file
	if err := l.openFile(); err != nil {
		l.tell(err)
		return
	}
	_ = old.Close()
}

// tell logs that records cannot be written, and that they can again.
func (l *Log) tell(err error) {
	switch {
	case err != nil && !l.broken:
		l.o.Log.Warn("resource logs cannot be written, they are lost", "err", err)
	case err == nil && l.broken:
		l.o.Log.Info("resource logs are written again")
	}
	l.broken = err != nil
}
