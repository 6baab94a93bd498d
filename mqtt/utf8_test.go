package mqtt

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestValidString(t *testing.T) {
	tests := map[string]struct {
		in   string
		want bool
	}{
		"empty":                  {"", true},
		"ascii":                  {"sensors/7/temperature", true},
		"control characters":     {"a\x01\x1f\x7f", true},
		"umlauts after 8 bytes":  {"12345678ä", true},
		"emoji":                  {"🌡", true},
		"non-character":          {"\uffff", true},
		"byte order mark":        {"\xef\xbb\xbfx", true},  // [MQTT-1.5.4-3]
		"NUL":                    {"a\x00b", false},        // [MQTT-1.5.4-2]
		"NUL in a word":          {"1234\x00678", false},   // [MQTT-1.5.4-2]
		"NUL after umlauts":      {"äöüäöüäöü\x00", false}, // [MQTT-1.5.4-2]
		"NUL in two bytes":       {"a\xc0\x80", false},     // [MQTT-1.5.4-1]
		"surrogate":              {"a\xed\xa0\x80", false}, // [MQTT-1.5.4-1]
		"surrogate in a word":    {"12345\xed\xbf\xbf", false},
		"longer than needed":     {"\xe0\x80\xaf", false}, // [MQTT-1.5.4-1]
		"above U+10FFFF":         {"\xf4\x90\x80\x80", false},
		"cut off":                {"1234567\xe2\x82", false},
		"continuation alone":     {"\x80", false},
		"character across words": {"1234567€12345678", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := validString([]byte(test.in)); got != test.want {
				t.Errorf("validString(%q) = %v, want %v", test.in, got, test.want)
			}
			if got := ValidString(test.in); got != test.want {
				t.Errorf("ValidString(%q) = %v, want %v", test.in, got, test.want)
			}
		})
	}
	if ValidString(strings.Repeat("x", maxString+1)) {
		t.Error("ValidString accepts what has no encoding")
	}
	if !ValidUTF8Payload([]byte("a\x00b")) || ValidUTF8Payload([]byte{0xff}) {
		t.Error("ValidUTF8Payload: want any UTF-8, NUL included, and nothing else")
	}
}

// texts are strings that are mostly text, with the bytes that matter in them.
var texts = rapid.Custom(func(t *rapid.T) string {
	parts := rapid.SliceOfN(rapid.SampledFrom([]string{
		"a", "/", "temperature", "0123456789", "ä", "€", "🌡", "+", "#", "\x00", "\xff", "\xed\xa0\x80", "\x7f", "\x80", "\xc3",
	}), 0, 12).Draw(t, "parts")
	return strings.Join(parts, "")
})

// The word-wise checks agree with the obvious ones.
func TestFastChecksAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := texts.Draw(t, "s")
		valid := utf8.ValidString(s) && !strings.Contains(s, "\x00")
		if got := validString([]byte(s)); got != valid {
			t.Fatalf("validString(%q) = %v", s, got)
		}
		c, why := checkTopic([]byte(s))
		want := Success
		switch {
		case !valid:
			want = MalformedPacket
		case strings.ContainsAny(s, "+#"):
			want = TopicNameInvalid
		}
		if c != want || (why == "") != (want == Success) {
			t.Fatalf("checkTopic(%q) = %v, %q, want %v", s, c, why, want)
		}
	})
}

// Every byte at every place of a word and its remainder.
func TestFastChecksEveryByte(t *testing.T) {
	for n := 1; n <= 17; n++ {
		for i := range n {
			for c := range 256 {
				b := []byte(strings.Repeat("x", n))
				b[i] = byte(c)
				if got, want := validString(b), c != 0 && c < 0x80; got != want {
					t.Fatalf("validString(%q) = %v, want %v", b, got, want)
				}
				if got, want := plainTopic(b), c != 0 && c < 0x80 && c != '+' && c != '#'; got != want {
					t.Fatalf("plainTopic(%q) = %v, want %v", b, got, want)
				}
			}
		}
	}
}

func TestCut(t *testing.T) {
	long := strings.Repeat("x", maxString-1) + "€"
	if got := cut(long); got != long[:maxString-1] {
		t.Errorf("cut keeps %d bytes, want %d: characters stay whole", len(got), maxString-1)
	}
	if got := cut("short"); got != "short" {
		t.Errorf("cut(short) = %q", got)
	}
	if got := cut(strings.Repeat("\x80", maxString+9)); len(got) != maxString-3 {
		t.Errorf("cut of no text keeps %d bytes, want it to give up after three", len(got))
	}
}
