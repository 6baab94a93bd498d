package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// silence is how long a stream may say nothing.
const silence = 2 * time.Minute

// stream sends a request and returns its answer to be read for as long as it takes, but
// for silence. Whoever reads it closes it.
func (c *Client) stream(ctx context.Context, method, path string, q url.Values) (io.ReadCloser, error) {
	target, err := c.target(path, q)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	s := &stream{ctx: ctx, cancel: cancel}
	s.timer = time.AfterFunc(silence, func() { cancel(fmt.Errorf("the server has said nothing for %v", silence)) })
	patient := &http.Client{Transport: c.http.Transport, CheckRedirect: c.http.CheckRedirect} // without a limit of time
	resp, err := patient.Do(r)
	if err != nil {
		s.end()
		return nil, s.cause(err)
	}
	s.body = resp.Body
	if resp.StatusCode >= 300 {
		defer s.Close()
		text, err := io.ReadAll(io.LimitReader(s, maxAnswer))
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
		return nil, refusal(resp, text)
	}
	return s, nil
}

// A stream is an answer that is being read.
type stream struct {
	body   io.ReadCloser
	timer  *time.Timer // ends it when there is silence
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.body.Read(b)
	if n > 0 {
		s.timer.Reset(silence)
	}
	if err != nil && err != io.EOF {
		err = s.cause(err)
	}
	return n, err
}

// cause says why the stream was ended, if it was by us.
func (s *stream) cause(err error) error {
	if cause := context.Cause(s.ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

func (s *stream) end() {
	s.timer.Stop()
	s.cancel(nil)
}

func (s *stream) Close() error {
	s.end()
	return s.body.Close()
}

// Backup streams a backup of everything; package server/backup reads it. Until it is
// read to its end, and its sums are right, it is none.
func (c *Client) Backup(ctx context.Context) (io.ReadCloser, error) {
	return c.stream(ctx, http.MethodPost, "/gridmq/backup", nil)
}
