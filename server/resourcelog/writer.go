package resourcelog

import (
	"bufio"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

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
