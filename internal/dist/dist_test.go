package main

import (
	"strings"
	"testing"
	"time"
)

// TestDebianVersion: what dpkg orders as we mean it.
func TestDebianVersion(t *testing.T) {
	at := time.Date(2026, 11, 29, 8, 35, 44, 0, time.UTC)
	for version, want := range map[string]string{
		"v1.2.3":                  "1.2.3",
		"1.2.3":                   "1.2.3",
		"v1.2.3-rc.1":             "1.2.3~rc.1",
		"v1.2.3-4-gabcdef0":       "1.2.3+4.gabcdef0",
		"v1.2.3-4-gabcdef0-dirty": "1.2.3+4.gabcdef0.dirty",
		"v1.2.3-dirty":            "1.2.3+dirty",
		"c3c58d5":                 "0~git20261129.083544.c3c58d5",
		"1234567-dirty":           "0~git20261129.083544.1234567.dirty",
	} {
		if got := debianVersion(version, at); got != want {
			t.Errorf("debianVersion(%q) = %q, want %q", version, got, want)
		}
	}
}

// TestStamp: a version becomes part of file names, so it cannot lead elsewhere.
func TestStamp(t *testing.T) {
	for _, bad := range []string{"../x", "a/b", "-x", "a b", "a\nb"} {
		if _, _, err := stamp(".", bad, 1); err == nil {
			t.Errorf("version %q is taken", bad)
		}
	}
	version, at, err := stamp(".", "v1.0", 86400)
	if err != nil || version != "v1.0" || at.Format(time.RFC3339) != "1970-01-02T00:00:00Z" {
		t.Errorf("stamp = %q, %v, %v", version, at, err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "60")
	if _, at, err = stamp(".", "v1.0", 0); err != nil || at.Unix() != 60 {
		t.Errorf("with SOURCE_DATE_EPOCH=60: %v, %v", at, err)
	}
}

// TestParseTarget: only what is tested on is made.
func TestParseTarget(t *testing.T) {
	for _, one := range platforms {
		if got, err := parseTarget(one); err != nil || got.os+"/"+got.arch != one {
			t.Errorf("parseTarget(%q) = %v, %v", one, got, err)
		}
	}
	for _, one := range []string{"", "linux", "plan9/386", "linux/amd64/v3"} {
		if _, err := parseTarget(one); err == nil || !strings.Contains(err.Error(), "linux/amd64") {
			t.Errorf("parseTarget(%q): %v, want an error that names the platforms", one, err)
		}
	}
}

// TestPURL: module paths with capitals and versions with a plus.
func TestPURL(t *testing.T) {
	for want, in := range map[string][2]string{
		"pkg:golang/github.com/burntsushi/toml@v1.0.0":       {"github.com/BurntSushi/toml", "v1.0.0"},
		"pkg:golang/example.com/a@v2.0.0%2Bincompatible":     {"example.com/a", "v2.0.0+incompatible"},
		"pkg:golang/std@1.26.0":                              {"std", "1.26.0"},
		"pkg:golang/github.com/cockroachdb/pebble/v2@v2.1.7": {"github.com/cockroachdb/pebble/v2", "v2.1.7"},
	} {
		if got := purl(in[0], in[1]); got != want {
			t.Errorf("purl(%q, %q) = %q, want %q", in[0], in[1], got, want)
		}
	}
}
