package sharedkey

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestGenerate(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		key := Generate()
		b, err := base64.StdEncoding.DecodeString(key)
		if err != nil || len(b) != Size || strings.ContainsAny(key, "+/=") || seen[key] {
			t.Fatalf("a key of %d bytes, %v; want %d random ones in base64 without + and /", len(b), err, Size)
		}
		seen[key] = true
	}
}

func TestMatches(t *testing.T) {
	k := Keys{Generate(), Generate()}
	tests := map[string]struct {
		keys Keys
		text string
		want bool
	}{
		"the first":          {k, k[0], true},
		"the second":         {k, k[1], true},
		"another":            {k, Generate(), false},
		"a part":             {k, k[0][:len(k[0])-1], false},
		"more":               {k, k[0] + "A", false},
		"nothing":            {k, "", false},
		"nothing for no key": {Keys{}, "", false},
		"one key only":       {Keys{"", k[1]}, k[1], true},
	}
	for name, one := range tests {
		t.Run(name, func(t *testing.T) {
			if got := one.keys.Matches(one.text); got != one.want {
				t.Errorf("matches: %v, want %v", got, one.want)
			}
		})
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	k := Keys{Generate(), Generate()}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("keys", "keys", k)
	for _, text := range []string{fmt.Sprint(k), fmt.Sprintf("%#v", k), fmt.Sprintf("%+v", struct{ K Keys }{k}), log.String()} {
		if strings.Contains(text, k[0]) || strings.Contains(text, k[1]) {
			t.Errorf("a key is printed: %.20s...", text)
		}
	}
}
