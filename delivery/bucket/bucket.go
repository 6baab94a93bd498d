// Package bucket keeps dead letters in object stores that are reached over HTTP: Azure
// Blob storage with a shared access signature, and whatever understands the S3 API.
// Names are those of spec/namespace-topics.md, section 13.3, the content is that of
// section 13.4:
//
//	<container>/<namespace>/<topic>/<subscription>/<year>/<month>/<day>/<hour>/<guid>.json
//
// They can be listed, read, and moved beside, by a key with those rights.
//
// An object is complete or not there: it is one PUT. One whose answer was lost is written
// again under another name, as the plane asks for.
//
// Errors: of the network, without URLs, whose query may be a secret; or the status, with
// the store's own code. Secrets are read from their files at each write, so that they can
// be exchanged.
package bucket

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gridmq/delivery"
	"gridmq/internal/outbound"
)

const (
	// maxSecret bounds a file with a secret, maxAnswer the text of a refusal.
	maxSecret = 64 << 10
	maxAnswer = 64 << 10
)

// Options say where objects go. All of it is for the store as a whole; containers
// (buckets) are named by event subscriptions.
type Options struct {
	// URL is the store's: https://account.blob.core.windows.net, or
	// https://s3.eu-central-1.amazonaws.com. Containers are the first part of the path.
	URL string
	// SASFile has a shared access signature, for Azure.
	SASFile string
	// Region, KeyID and SecretFile are for S3.
	Region, KeyID string
	SecretFile    string
	// Web says whom to trust, and how to connect.
	Web outbound.Options
}

// A Sink writes to one store.
type Sink struct {
	base   *url.URL
	client *http.Client
	// prepare makes a request the owner's.
	prepare func(ctx context.Context, r *http.Request, body []byte) error
	kind
}

// A kind is what the APIs do not have in common.
type kind struct {
	// list is the query for a page of names.
	list func(prefix, after string) url.Values
	// page reads one, and what the next one is after; empty: it was the last.
	page func(body []byte) (list []Object, after string, err error)
	// copyOf has a PUT copy what is at the path, which begins with its container.
	copyOf func(r *http.Request, path []string) error
}

var _ delivery.DeadLetterSink = (*Sink)(nil)

// open makes what both kinds have. Errors: the URL, or a file of Options.Web.
func open(o Options) (*Sink, error) {
	if reason := outbound.CheckURL(o.URL, o.Web.LoopbackHTTP); reason != "" {
		return nil, fmt.Errorf("URL %q: %s", o.URL, reason)
	}
	base, err := url.Parse(o.URL)
	if err != nil {
		return nil, err
	}
	if base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("the URL has a query: a signature belongs into a file")
	}
	client, err := outbound.NewClient(o.Web)
	if err != nil {
		return nil, err
	}
	return &Sink{base: base, client: client}, nil
}

// Close closes connections that nobody uses.
func (s *Sink) Close() { s.client.CloseIdleConnections() }

// Write is delivery.DeadLetterSink.Write: one object for all letters.
func (s *Sink) Write(ctx context.Context, d delivery.DeadLetter) error {
	body := d.AppendJSON(nil)
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, s.base.JoinPath(escaped(d.NewPath(time.Now()))...).String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("write dead letters: the names of container, topic and subscription do not make a URL")
	}
	r.Header.Set("Content-Type", "application/json")
	if err := s.prepare(ctx, r, body); err != nil {
		return fmt.Errorf("write dead letters to %s: %w", s.base.Host, err)
	}
	a, err := outbound.Do(s.client, r, maxAnswer)
	if err == nil && a.Status != http.StatusOK && a.Status != http.StatusCreated {
		err = refusal(a)
	}
	if err != nil {
		return fmt.Errorf("write dead letters to container %q at %s: %w", d.To.Container, s.base.Host, err)
	}
	return nil
}

// escaped are parts of a path as they are in a URL: none of them is more than one, or
// leads elsewhere.
func escaped(parts []string) []string {
	for i, p := range parts {
		if p = url.PathEscape(p); p == "." || p == ".." {
			p = strings.ReplaceAll(p, ".", "%2E")
		}
		parts[i] = p
	}
	return parts
}

// refusal is what the store says: both kinds answer with XML that has a code.
func refusal(a *outbound.Answer) error {
	var e struct{ Code string }
	if xml.Unmarshal(a.Body, &e) != nil || e.Code == "" || len(e.Code) > 100 {
		return &outbound.StatusError{Status: a.Status}
	}
	return fmt.Errorf("%w, %q", &outbound.StatusError{Status: a.Status}, e.Code)
}

// secret reads a file with one line.
func secret(file string) (string, error) {
	b, err := outbound.ReadFile(file, maxSecret)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	if text == "" || strings.ContainsAny(text, "\r\n") {
		return "", fmt.Errorf("%s: want one line", file)
	}
	return text, nil
}
