package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"gridmq/internal/outbound"
)

const (
	// pageText is how many names one list has, maxPage what the text of it may be: names
	// have at most 1024 bytes, and there is more around them.
	pageText = "1000"
	maxPage  = 16 << 20
)

// An Object is one that is there.
type Object struct {
	Name     string // in its container, with slashes
	Size     int64
	Modified time.Time // of little use between two clocks
}

// List lists a page of what has a prefix, by name. after is what the page before has
// returned, empty at first; next is empty after the last.
func (s *Sink) List(ctx context.Context, container, prefix, after string) (list []Object, next string, err error) {
	r, err := s.request(ctx, http.MethodGet, container, "")
	if err == nil {
		r.URL.RawQuery = s.list(prefix, after).Encode()
		err = s.prepare(ctx, r, nil)
	}
	var a *outbound.Answer
	if err == nil {
		a, err = s.send(r, maxPage)
	}
	if err == nil {
		list, next, err = s.page(bytes.TrimPrefix(a.Body, []byte("\ufeff"))) // Azure begins with a mark
	}
	if err != nil {
		return nil, "", fmt.Errorf("list container %q at %s: %w", container, s.base.Host, err)
	}
	return list, next, nil
}

// Get reads an object; the caller closes it. Errors: fs.ErrNotExist, and others.
func (s *Sink) Get(ctx context.Context, container, name string) (io.ReadCloser, error) {
	body, err := s.get(ctx, container, name)
	if err != nil {
		return nil, fmt.Errorf("read %s in container %q at %s: %w", name, container, s.base.Host, err)
	}
	return body, nil
}

func (s *Sink) get(ctx context.Context, container, name string) (io.ReadCloser, error) {
	r, err := s.request(ctx, http.MethodGet, container, name)
	if err == nil {
		err = s.prepare(ctx, r, nil)
	}
	if err != nil {
		return nil, err
	}
	resp, err := outbound.Open(s.client, r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // of a refusal: without it there is the status
	return nil, judge(&outbound.Answer{Status: resp.StatusCode, Body: text})
}

// Move copies an object to another name, in the store itself, and deletes it then: what
// is interrupted leaves both. Errors: fs.ErrNotExist, and others.
func (s *Sink) Move(ctx context.Context, container, from, to string) error {
	r, err := s.request(ctx, http.MethodPut, container, to)
	if err == nil {
		err = s.copyOf(r, append([]string{container}, strings.Split(from, "/")...))
	}
	if err == nil {
		err = s.prepare(ctx, r, nil)
	}
	var a *outbound.Answer
	if err == nil {
		a, err = s.send(r, maxAnswer)
	}
	if err == nil && bytes.Contains(a.Body, []byte("<Error>")) { // S3 may say so after it said 200
		err = refusal(a)
	}
	if err == nil {
		r, err = s.request(ctx, http.MethodDelete, container, from)
	}
	if err == nil {
		err = s.prepare(ctx, r, nil)
	}
	if err == nil {
		_, err = s.send(r, maxAnswer)
	}
	if err != nil {
		return fmt.Errorf("move %s beside, in container %q at %s: %w", path.Base(from), container, s.base.Host, err)
	}
	return nil
}

// request is one for an object, or with no name for a container.
func (s *Sink) request(ctx context.Context, method, container, name string) (*http.Request, error) {
	parts := []string{container}
	if name != "" {
		parts = append(parts, strings.Split(name, "/")...)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.base.JoinPath(escaped(parts)...).String(), nil)
	if err != nil {
		return nil, errors.New("its name does not make a URL")
	}
	return r, nil
}

func (s *Sink) send(r *http.Request, most int64) (*outbound.Answer, error) {
	a, err := outbound.Do(s.client, r, most)
	if err != nil {
		return nil, err
	}
	return a, judge(a)
}

// judge is the error that a status is.
func judge(a *outbound.Answer) error {
	switch {
	case a.Status >= 200 && a.Status < 300:
		return nil
	case a.Status == http.StatusNotFound:
		return fmt.Errorf("%w: %w", fs.ErrNotExist, refusal(a))
	}
	return refusal(a)
}
