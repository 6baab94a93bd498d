package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"golang.org/x/net/http/httpguts"

	"gridmq/internal/outbound"
	"gridmq/internal/settings"
	"gridmq/tracing"
)

const tracesPath = "/v1/traces" // of OTLP over HTTP

func checkTracing(c *Tracing, l *settings.Loader) {
	if !(c.Ratio >= 0 && c.Ratio <= 1) {
		l.Problem("tracing.ratio", "want a number from 0 to 1")
	}
	if c.Queue < 1 || c.Queue > 1_000_000 || c.Timeout <= 0 {
		l.Problem("tracing", "want a queue of 1 to 1000000 spans, and a timeout above zero")
	}
	if c.Endpoint == "" {
		return
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		l.Problem("tracing.endpoint", "want the URL of OTLP over HTTP such as http://collector:4318, without user and password")
		return
	}
	if u.Scheme == "http" && len(c.Headers) > 0 && !isThisMachine(u.Hostname()) {
		l.Problem("tracing.headers", "everybody on the way to %s could read them: want https", u.Host)
	}
	for _, one := range c.Headers {
		if _, _, err := splitHeader(one); err != nil { // without the text: it may be a secret
			l.Problem("tracing.headers", "%v", err)
		}
	}
}

func isThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

var errHeader = errors.New("want NAME=file:PATH or NAME=env:VARIABLE: the value of a header may be a secret, and is not written here")

// splitHeader reads a header of the configuration: where says where its value is.
func splitHeader(text string) (name, where string, err error) {
	name, where, ok := strings.Cut(text, "=")
	kind, place, _ := strings.Cut(where, ":")
	if name = strings.TrimSpace(name); !ok || place == "" || kind != "file" && kind != "env" || !httpguts.ValidHeaderFieldName(name) {
		return "", "", errHeader
	}
	return name, where, nil
}

const maxHeader = 16 << 10

// headers are what a request to the collector has besides. They are read each time, as a
// file may be a token that somebody keeps fresh.
func (c *Tracing) headers() (http.Header, error) {
	all := http.Header{}
	for _, one := range c.Headers {
		name, where, err := splitHeader(one)
		if err != nil {
			return nil, err
		}
		kind, place, _ := strings.Cut(where, ":")
		value := os.Getenv(place)
		if kind == "file" {
			b, err := outbound.ReadFile(place, maxHeader)
			if err != nil {
				return nil, err
			}
			value = string(b)
		}
		value = strings.TrimSpace(value)
		if value == "" || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("tracing.headers: what is in %s cannot be the value of a header", where)
		}
		all.Add(name, value)
	}
	return all, nil
}

// openTracing begins to export traces, if that is configured.
func (s *Server) openTracing() error {
	c := &s.cfg.Tracing
	if c.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = tracesPath
	}
	if _, err := c.headers(); err != nil { // now, and not when the first span is lost
		return err
	}
	client, err := outbound.NewClient(outbound.Options{CAFile: c.CAFile})
	if err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	s.tracer, err = tracing.New(tracing.Options{Endpoint: u.String(), Headers: c.headers, Client: client, Ratio: c.Ratio, Timeout: c.Timeout,
		Queue: c.Queue, Service: c.Service, Version: s.opts.Version, Log: s.log, Registerer: s.registry})
	return err
}

// closeTracing exports what is left.
func (s *Server) closeTracing() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*s.cfg.Tracing.Timeout)
	defer cancel()
	s.tracer.Close(ctx)
}
