package client

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestURL(t *testing.T) {
	tests := map[string]struct{ url, host, path, fail string }{
		"mqtt":            {"mqtt://h", "h:1883", "", ""},
		"tcp":             {"tcp://h:1", "h:1", "", ""},
		"mqtts":           {"mqtts://h", "h:8883", "", ""},
		"ssl and tls":     {"ssl://h", "h:8883", "", ""},
		"ws":              {"ws://h", "h:80", "/mqtt", ""},
		"wss with a path": {"wss://h/x?y=z", "h:443", "/x", ""},
		"IPv6":            {"mqtt://[::1]", "[::1]:1883", "", ""},
		"no scheme":       {"localhost", "", "", "want mqtt://"},
		"looks like one":  {"localhost:1883", "", "", "want mqtt://"},
		"http":            {"http://h", "", "", "want mqtt://"},
		"no host":         {"mqtt://:1883", "", "", "no host"},
		"a secret":        {"http://u:secret@h", "", "", "u:xxxxx@h"},
		"no URL":          {"mqtt://h:port", "", "", "invalid port"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			u, _, err := parseURL(test.url)
			if test.fail != "" {
				if err == nil || !strings.Contains(err.Error(), test.fail) || strings.Contains(err.Error(), "secret") {
					t.Errorf("%v, want an error with %q", err, test.fail)
				}
				return
			}
			if err != nil || u.Host != test.host || u.Path != test.path {
				t.Errorf("host %q, path %q (%v), want %q and %q", u.Host, u.Path, err, test.host, test.path)
			}
		})
	}
}

// TestDialFails: the error says where it went wrong, and nothing is left.
func TestDialFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	for _, scheme := range []string{"mqtt", "mqtts", "ws", "wss"} {
		if _, err := Connect(t.Context(), Options{Target: Target{URL: scheme + "://" + address}}); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: %v", scheme, err)
		}
	}
	plain := serveOnce(t, func(nc net.Conn) {
		nc.Read(make([]byte, 1))
		nc.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	})
	if _, err := Dial(t.Context(), Target{URL: "mqtts://" + plain}); err == nil || !strings.Contains(err.Error(), "TLS handshake with "+plain) {
		t.Errorf("TLS with a plain server: %v", err)
	}
	silent := serveOnce(t, func(nc net.Conn) {
		nc.SetReadDeadline(time.Now().Add(2 * time.Second))
		for b := make([]byte, 4096); ; {
			if _, err := nc.Read(b); err != nil {
				return
			}
		}
	})
	if _, err := Dial(t.Context(), Target{URL: "mqtts://" + silent, Timeout: 50 * time.Millisecond}); err == nil {
		t.Error("TLS with a silent server")
	}
}

func TestTLSFiles(t *testing.T) {
	dir := t.TempDir()
	none, junk := filepath.Join(dir, "none"), filepath.Join(dir, "junk")
	if err := os.WriteFile(junk, []byte("not PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		files TLSFiles
		want  string // "": no error
	}{
		"nothing":          {TLSFiles{}, ""},
		"no CA file":       {TLSFiles{CA: none}, "CA file"},
		"no CA in it":      {TLSFiles{CA: junk}, "holds no PEM certificate"},
		"half a pair":      {TLSFiles{Cert: junk}, "needs both files"},
		"the other half":   {TLSFiles{Key: junk}, "needs both files"},
		"no certificate":   {TLSFiles{Cert: junk, Key: junk}, "client certificate " + junk},
		"no such key file": {TLSFiles{Cert: junk, Key: none}, none},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := test.files.Config()
			if test.want == "" {
				if err != nil || c.MinVersion == 0 || c.InsecureSkipVerify {
					t.Errorf("%+v, %v", c, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want an error with %q", err, test.want)
			}
		})
	}
}
