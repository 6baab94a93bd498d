package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"gridmq/client"
	"gridmq/mqtt"
)

// A sender publishes messages one after the other without waiting for each, and
// remembers the first that failed.
type sender struct {
	c    *client.Client
	like client.Message // topic, QoS and so on of each

	open sync.WaitGroup // messages without an outcome
	mu   sync.Mutex
	err  error // the first failure
}

func newSender(c *client.Client, like client.Message) *sender { return &sender{c: c, like: like} }

func (s *sender) send(ctx context.Context, payload []byte) error {
	s.mu.Lock()
	failed := s.err
	s.mu.Unlock()
	if failed != nil {
		return nil // wait reports it
	}
	m := s.like
	m.Payload = payload
	s.open.Add(1)
	err := s.c.PublishAsync(ctx, &m, func(_ mqtt.Code, err error) {
		defer s.open.Done()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err == nil {
			s.err = err
		}
	})
	if err != nil {
		s.open.Done()
	}
	return err
}

// repeat sends the same message n times, with a pause between.
func (s *sender) repeat(ctx context.Context, payload []byte, n int, pause time.Duration) error {
	for i := range n {
		if i > 0 && pause > 0 {
			select {
			case <-time.After(pause):
			case <-s.c.Done():
				return s.c.Err()
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err := s.send(ctx, payload); err != nil {
			return err
		}
	}
	return nil
}

// lines sends each line of r, without its end. It returns at the end of r, when
// ctx or the connection ends, or when a message has failed; a read that blocks
// then is left behind, as the process is about to end.
func (s *sender) lines(ctx context.Context, r io.Reader) error {
	lines := make(chan []byte)
	fail := make(chan error, 1)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		in := bufio.NewReaderSize(r, 64<<10)
		for {
			line, err := in.ReadBytes('\n')
			if n := len(line); n > 0 {
				if line[n-1] == '\n' {
					line = line[:n-1]
				}
				select {
				case lines <- line:
				case <-stop:
					return
				}
			}
			if err != nil {
				fail <- err
				return
			}
		}
	}()
	for {
		select {
		case line := <-lines:
			if err := s.send(ctx, line); err != nil {
				return err
			}
		case err := <-fail:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case <-s.c.Done():
			return s.c.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// wait waits for the outcome of all messages and returns the first failure.
func (s *sender) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { s.open.Wait(); close(done) }() // ends with the connection at the latest
	select {
	case <-done:
	case <-ctx.Done():
		return client.ErrUnacknowledged
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
