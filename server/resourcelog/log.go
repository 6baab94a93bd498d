package resourcelog

import (
	"bufio"
	"cmp"
	"io"
	"log/slog"
	"os"
	"slices"
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
