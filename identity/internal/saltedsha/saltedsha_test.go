package saltedsha

import (
	"errors"
	"strings"
	"testing"
)

// What mosquitto_passwd 2.0.11 wrote, for "sesame" and (with -I 3000) "pä ss".
const (
	pbkdf2Hash = "$7$101$4TP7hOCms9YFxRKk$7CAu6QkSPw+ttz7n12LLGCSYMSjLjlLYoJt0kWCEVHdHY/Qii5mWZAEgWlUD4tM57rh11+8EyNiCWhizu4rVzA=="
	sha512Hash = "$6$auuUdq35fT+LMG97$XTdW0w2UBYiIPGbO3bcKw1oApXJhSCKQtayRlUA2WquR+cGvjcUisW/RMiPl3Q1mgOXXCF+G5O0LoVmHsPF4Eg=="
	otherHash  = "$7$3000$uRzh0kw9iwpHJjfR$uVO4pdHHWMnXyMLqRoK7SkGt/G18R3EApEQtvVv6ddc1tTiNpvBaCcrp1o9sLx2Tiy+xRedb02sqFHPE9feIQA=="
)

func TestMatches(t *testing.T) {
	tests := map[string]struct {
		hash, password string
		want           bool
	}{
		"PBKDF2":              {pbkdf2Hash, "sesame", true},
		"PBKDF2, wrong":       {pbkdf2Hash, "Sesame", false},
		"PBKDF2, empty":       {pbkdf2Hash, "", false},
		"PBKDF2, longer":      {pbkdf2Hash, "sesame\x00", false},
		"PBKDF2, UTF-8":       {otherHash, "pä ss", true},
		"SHA-512":             {sha512Hash, "sesame", true},
		"SHA-512, wrong":      {sha512Hash, "sesam", false},
		"SHA-512, empty":      {sha512Hash, "", false},
		"the salt is no part": {sha512Hash, "sesamej", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, err := Parse(test.hash)
			if err != nil {
				t.Fatal(err)
			}
			if got := h.Matches([]byte(test.password)); got != test.want {
				t.Errorf("matches %q: %v, want %v", test.password, got, test.want)
			}
			if h.String() != test.hash {
				t.Errorf("written %q", h)
			}
		})
	}
}

// What comes from a file may be anything, and may want everything.
func TestParseRefuses(t *testing.T) {
	sum := strings.Repeat("A", 86) + "=="
	for name, s := range map[string]string{
		"empty":                 "",
		"another form":          "$1$c2FsdHNhbHQ=$" + sum,
		"prefix":                "$7$",
		"no iterations":         "$7$$c2FsdHNhbHQ=$" + sum,
		"zero iterations":       "$7$0$c2FsdHNhbHQ=$" + sum,
		"negative iterations":   "$7$-1$c2FsdHNhbHQ=$" + sum,
		"iterations with sign":  "$7$+101$c2FsdHNhbHQ=$" + sum,
		"iterations in octal":   "$7$0101$c2FsdHNhbHQ=$" + sum,
		"too many iterations":   "$7$600001$c2FsdHNhbHQ=$" + sum,
		"very many iterations":  "$7$99999999999999999999$c2FsdHNhbHQ=$" + sum,
		"no salt":               "$7$101$$" + sum,
		"short salt":            "$7$101$c2FsdA==$" + sum,
		"long salt":             "$7$101$" + strings.Repeat("AAAA", 24) + "$" + sum,
		"no hash":               "$7$101$c2FsdHNhbHQ=$",
		"short hash":            "$7$101$c2FsdHNhbHQ=$QUFBQQ==",
		"one part more":         "$6$c2FsdHNhbHQ=$" + sum + "$",
		"line break":            "$6$c2Fsd\nHNhbHQ=$" + sum,
		"no padding":            "$6$c2FsdHNhbHQ$" + sum,
		"bits behind the end":   "$6$c2FsdHNhbHR=$" + sum,
		"$6$ with iterations":   "$6$101$c2FsdHNhbHQ=$" + sum,
		"$7$ without":           "$7$c2FsdHNhbHQ=$" + sum,
		"longer than any is":    "$6$c2FsdHNhbHQ=$" + sum + strings.Repeat("A", 300),
		"plain text of a user":  "sesame",
		"white space in number": "$7$ 101$c2FsdHNhbHQ=$" + sum,
	} {
		if h, err := Parse(s); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: read as %s, %v", name, h, err)
		} else if s != "" && len(s) > 8 && strings.Contains(err.Error(), s) {
			t.Errorf("%s: the error tells %v", name, err)
		}
	}
}

// Refusing is fine; panicking, or reading two ways, is not.
func FuzzParse(f *testing.F) {
	for _, s := range []string{pbkdf2Hash, sha512Hash, otherHash, "$7$1$$", "$6$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := Parse(s)
		if err != nil {
			return
		}
		if h.String() != s {
			t.Errorf("%q read as %q", s, h)
		}
		if h.iterations > maxIterations {
			t.Errorf("%q asks for %d", s, h.iterations)
		}
	})
}

func BenchmarkMatches(b *testing.B) {
	h, _ := Parse(strings.Replace(pbkdf2Hash, "$101$", "$24000$", 1))
	for b.Loop() {
		h.Matches([]byte("sesame"))
	}
}
