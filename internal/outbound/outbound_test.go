package outbound

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The calls themselves are tested where they are made: jwtauth and webhookauth.

func TestCheckURL(t *testing.T) {
	for url, want := range map[string][2]bool{ // fine; fine with http to this machine
		"https://h/p?q=1": {true, true}, "https://[::1]:8443/": {true, true},
		"http://127.0.0.1:80/": {false, true}, "http://localhost/": {false, true}, "http://[::1]/": {false, true},
		"http://127.0.0.1.evil.example/": {false, false}, "http://localhost.evil.example/": {false, false},
		"http://10.0.0.1/": {false, false}, "http://h/": {false, false}, "https://u@h/": {false, false},
		"https://h/#f": {false, false}, "https:///p": {false, false}, "https://:443/": {false, false}, "h": {false, false},
		"": {false, false}, "file:///etc": {false, false}, "https://h/" + strings.Repeat("x", 3000): {false, false}, "https://h\x7f/": {false, false},
	} {
		for i, loopback := range []bool{false, true} {
			if reason := CheckURL(url, loopback); (reason == "") != want[i] {
				t.Errorf("CheckURL(%.60q, %v) = %q, want fine: %v", url, loopback, reason, want[i])
			}
		}
	}
}

func TestParsePin(t *testing.T) {
	sum := sha256.Sum256([]byte("key"))
	h := hex.EncodeToString(sum[:])
	var colons []string
	for i := 0; i < len(h); i += 2 {
		colons = append(colons, strings.ToUpper(h[i:i+2]))
	}
	b := base64.StdEncoding.EncodeToString(sum[:])
	for _, s := range []string{h, strings.ToUpper(h), strings.Join(colons, ":"), b, "sha256/" + b} {
		if got, err := ParsePin(s); err != nil || got != sum {
			t.Errorf("ParsePin(%q) = %x, %v", s, got, err)
		}
	}
	for _, s := range []string{"", h[:62], h + "00", "sha1/" + b, b[:40]} {
		if got, err := ParsePin(s); err == nil {
			t.Errorf("ParsePin(%q) = %x, want an error", s, got)
		}
	}
}

func TestIsJSON(t *testing.T) {
	for s, want := range map[string]bool{"application/json": true, "Application/JSON; charset=UTF-8": true, "application/json;charset=latin1": false,
		"text/json": false, "application/problem+json": false, "": false, "application/json, text/html": false} {
		if IsJSON(s) != want {
			t.Errorf("IsJSON(%q) = %v", s, !want)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	if err := os.WriteFile(name, make([]byte, 10), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadFile(name, 10); err != nil || len(b) != 10 {
		t.Errorf("got %d bytes, %v", len(b), err)
	}
	for what, err := range map[string]error{"too long": second(ReadFile(name, 9)), "a folder": second(ReadFile(dir, 10)),
		"a device": second(ReadFile("/dev/zero", 10)), "no CA": second(NewClient(Options{CAFile: name})),
		"no key": second(NewClient(Options{CertificateFile: name})), "no certificate": second(NewClient(Options{CertificateFile: name, KeyFile: name}))} {
		if err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

func second[T any](_ T, err error) error { return err }
