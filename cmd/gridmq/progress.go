package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// showProgress tells on w, from two seconds on and each second, what say returns. stop
// ends it and waits for it.
func showProgress(w io.Writer, say func() string) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { // ends with stop
		const quiet = 2 * time.Second
		timer := time.NewTimer(quiet)
		defer timer.Stop()
		for {
			select {
			case <-timer.C:
				fmt.Fprintln(w, say())
				timer.Reset(time.Second)
			case <-done:
				return
			}
		}
	})
	return func() { close(done); running.Wait() }
}

// A lockedWriter is for several goroutines; what each writes at once stays together.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
