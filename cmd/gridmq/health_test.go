package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHealthURL: the endpoint is asked where it listens.
func TestHealthURL(t *testing.T) {
	tests := map[string]struct{ address, want, wrong string }{
		"default":       {"", "http://127.0.0.1:9464", ""},
		"every address": {":9464", "http://127.0.0.1:9464", ""},
		"every IPv4":    {"0.0.0.0:1", "http://127.0.0.1:1", ""},
		"every IPv6":    {"[::]:1", "http://[::1]:1", ""},
		"one":           {"10.1.2.3:99", "http://10.1.2.3:99", ""},
		"any port":      {"127.0.0.1:0", "", "--url"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.address != "" {
				t.Setenv("GRIDMQ_OPERATIONS_ADDRESS", test.address)
			}
			got, err := operationsURL("")
			if test.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), test.wrong) {
					t.Errorf("got %q, %v, want an error with %q", got, err, test.wrong)
				}
			} else if err != nil || got != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
	off := filepath.Join(t.TempDir(), "off.yaml")
	if err := os.WriteFile(off, []byte("operations: {enabled: false}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := operationsURL(off); err == nil {
		t.Errorf("switched off: got %q, want an error", got)
	}
}

// TestHealthAnswers: yes is only what a broker says with 200.
func TestHealthAnswers(t *testing.T) {
	tests := map[string]struct {
		status      int
		body, state string
		wrong       string
	}{
		"ready":         {200, `{"ok":true,"state":"ready"}`, "ready", ""},
		"starting":      {503, `{"ok":false,"state":"starting"}`, "", `"starting"`},
		"somebody else": {200, "<html>", "", "gridmq broker"},
		"endless":       {200, `{"state":"` + strings.Repeat("x", 1<<20), "", "gridmq broker"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer s.Close()
			state, err := probe{s.URL + "/readyz", s.Client()}.wait(context.Background(), 0)
			if state != test.state || (err != nil) != (test.wrong != "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("got %q, %v, want %q and an error with %q", state, err, test.state, test.wrong)
			}
		})
	}
}
