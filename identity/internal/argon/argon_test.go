package argon

import (
	"strings"
	"testing"
)

var cheap = Params{Memory: 8, Time: 1, Threads: 1}

func TestHash(t *testing.T) {
	h := New([]byte("open sesame"), cheap)
	read, err := Parse(h.PHC())
	if err != nil || read.PHC() != h.PHC() {
		t.Fatalf("%s read as %s, %v", h.PHC(), read.PHC(), err)
	}
	if !read.Matches([]byte("open sesame")) || read.Matches([]byte("open sesam")) || read.Matches(nil) {
		t.Error("matches the wrong password, or not the right one")
	}
	if New([]byte("open sesame"), cheap).PHC() == h.PHC() {
		t.Error("no salt")
	}
}

// What the reference implementation makes of "password" and "somesalt".
func TestKnownAnswer(t *testing.T) {
	h, err := Parse("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if err != nil || !h.Matches([]byte("password")) {
		t.Errorf("Matches = false, %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	const good = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	for name, replace := range map[string][2]string{
		"argon2i":          {"argon2id", "argon2i"},
		"old version":      {"v=19", "v=16"},
		"no version":       {"v=19$", ""},
		"much memory":      {"m=8,", "m=65537,"},
		"memory over 2^32": {"m=8,", "m=4294967304,"},
		"little memory":    {"m=8,", "m=7,"},
		"too little for p": {"p=1", "p=2"},
		"many passes":      {"t=1", "t=17"},
		"no pass":          {"t=1", "t=0"},
		"many threads":     {"m=8,t=1,p=1", "m=80,t=1,p=5"},
		"leading zero":     {"m=8", "m=08"},
		"sign":             {"m=8", "m=+8"},
		"more parameters":  {"p=1", "p=1,x=2"},
		"other order":      {"m=8,t=1", "t=1,m=8"},
		"short salt":       {"c2FsdHNhbHQ", "c2FsdA"},
		"no salt":          {"c2FsdHNhbHQ", ""},
		"short hash":       {"AAAAAAAAAAAAAAAAAAAAAA", "AAAA"},
		"padding":          {"c2FsdHNhbHQ", "c2FsdHNhbHQ="},
		"loose bits":       {"c2FsdHNhbHQ", "c2FsdHNhbHR"},
		"line break":       {"c2FsdHNhbHQ", "c2Fsd\nHNhbHQ"},
		"long":             {"AAAAAAAAAAAAAAAAAAAAAA", strings.Repeat("A", 300)},
		"something behind": {"AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA$x"},
		"something before": {"$argon2id", "x$argon2id"},
		"hash not base64":  {"AAAAAAAAAAAAAAAAAAAAAA", "!AAAAAAAAAAAAAAAAAAAAA"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(strings.Replace(good, replace[0], replace[1], 1)); err != ErrFormat {
				t.Errorf("Parse = %v, want %v", err, ErrFormat)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Fuzz(func(t *testing.T, phc string) {
		if h, err := Parse(phc); err == nil && (h.PHC() != phc || !h.Valid()) {
			t.Errorf("%q read as %q", phc, h.PHC())
		}
	})
}

func BenchmarkMatches(b *testing.B) {
	for _, p := range []Params{Default, {7 * 1024, 1, 1}, {64 * 1024, 3, 4}} {
		b.Run(p.String(), func(b *testing.B) {
			h := New([]byte("open sesame"), p)
			b.ReportAllocs()
			for b.Loop() {
				h.Matches([]byte("open sesame"))
			}
		})
	}
}
