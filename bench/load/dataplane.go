package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Events says where the scenarios of the event plane find what they need. It all has
// to be there: topics, routes for messages below "bench/", event subscriptions.
type Events struct {
	// URL is the namespace's data plane, as https://localhost:8443/ns/bench.
	URL string
	Key string // an access key of the namespace
	TLS *tls.Config
	// Hooks are the webhooks that event subscriptions push to, by their names.
	Hooks map[string]*Hook
}

const (
	callTimeout = time.Minute
	apiVersion  = "?api-version=2024-06-01"
)

// A dataPlane is the connections to one: HTTP/1.1, each kept.
type dataPlane struct {
	url, authorization string
	http               *http.Client
}

func (e *Events) open(connections int) *dataPlane {
	t := &http.Transport{TLSClientConfig: e.TLS, MaxIdleConns: connections, MaxIdleConnsPerHost: connections, DisableCompression: true}
	return &dataPlane{url: e.URL, authorization: "SharedAccessKey " + e.Key, http: &http.Client{Transport: t}}
}

func (d *dataPlane) close() { d.http.CloseIdleConnections() }

// post posts body and reads the answer into buf, which it returns.
func (d *dataPlane) post(ctx context.Context, path, contentType string, body, buf []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", d.authorization)
	if contentType != "" {
		q.Header.Set("Content-Type", contentType)
	}
	a, err := d.http.Do(q)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	b := bytes.NewBuffer(buf[:0])
	if _, err := b.ReadFrom(a.Body); err != nil && err != io.EOF {
		return nil, err
	}
	if a.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("POST %s: %s: %.300s", path, a.Status, b.Bytes())
	}
	return b.Bytes(), nil
}
