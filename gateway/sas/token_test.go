package sas

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

var key = base64.StdEncoding.EncodeToString([]byte("a secret of the namespace"))

func sign(signed string) string {
	secret, _ := base64.StdEncoding.DecodeString(key)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// As the libraries make them: section 4.3, sdk-compatibility.md, sections 5 to 7.
var makers = map[string]func(resource string, expires time.Time) string{
	// quote with its own list of safe characters; isoformat without a zone
	"Python": func(resource string, expires time.Time) string {
		signed := "r=" + percent(resource+"?apiVersion=2018-01-01") + "&e=" + percent(expires.Format("2006-01-02T15:04:05.000000"))
		return signed + "&s=" + percent(sign(signed))
	},
	"Python, str of a date with zone": func(resource string, expires time.Time) string {
		signed := "r=" + percent(resource) + "&e=" + percent(expires.Format("2006-01-02 15:04:05.999999+00:00"))
		return signed + "&s=" + percent(sign(signed))
	},
	// encodeURIComponent
	"JavaScript": func(resource string, expires time.Time) string {
		signed := "r=" + percent(resource+"?apiVersion=2018-01-01") + "&e=" + percent(expires.Format("1/2/2006 3:04:05 PM"))
		return signed + "&s=" + percent(sign(signed))
	},
	// HttpUtility.UrlEncode: lower-case digits, plus for a space
	".NET": func(resource string, expires time.Time) string {
		encode := func(s string) string {
			return lowerHex(strings.ReplaceAll(percent(s), "%20", "+"))
		}
		signed := "r=" + encode(resource) + "&e=" + encode(expires.Format("1/2/2006 3:04:05 PM"))
		return signed + "&s=" + encode(sign(signed))
	},
	".NET, narrow space": func(resource string, expires time.Time) string {
		signed := "r=" + percent(resource) + "&e=" + percent(expires.Format("1/2/2006 3:04:05\u202fPM"))
		return signed + "&s=" + percent(sign(signed))
	},
	"RFC 3339": func(resource string, expires time.Time) string {
		signed := "r=" + percent(resource) + "&e=" + percent(expires.Format(time.RFC3339))
		return signed + "&s=" + percent(sign(signed))
	},
	"Unix seconds": func(resource string, expires time.Time) string {
		signed := "r=" + percent(resource) + "&e=" + fmt.Sprint(expires.Unix())
		return signed + "&s=" + percent(sign(signed))
	},
	"signature not encoded": func(resource string, expires time.Time) string {
		signed := "r=" + percent(resource) + "&e=" + percent(expires.Format(time.RFC3339))
		return signed + "&s=" + sign(signed)
	},
	"signature with spaces for plus": func(resource string, expires time.Time) string {
		signed := "r=" + percent(resource) + "&e=" + percent(expires.Format(time.RFC3339))
		return signed + "&s=" + strings.ReplaceAll(sign(signed), "+", " ")
	},
	"expiry first": func(resource string, expires time.Time) string {
		signed := "e=" + percent(expires.Format(time.RFC3339)) + "&r=" + percent(resource)
		return signed + "&s=" + percent(sign(signed))
	},
}

func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func lowerHex(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] == '%' {
			copy(b[i:], strings.ToLower(string(b[i:i+3])))
		}
	}
	return string(b)
}

func TestTokensOfAllMakers(t *testing.T) {
	const skewed = 5 * time.Minute
	for name, make := range makers {
		t.Run(name, func(t *testing.T) {
			for minute := range 60 { // of many, some signatures have plus and slash
				expires := time.Date(2026, 6, 15, 18, minute, 7, 0, time.UTC)
				token, err := Parse(make("https://Plant.example:8443/topics/Orders", expires))
				if err != nil {
					t.Fatal(err)
				}
				if !token.Signed(key) || token.Signed(base64.StdEncoding.EncodeToString([]byte("another"))) {
					t.Fatal("the signature is judged wrongly")
				}
				if end := expires.Add(skewed); !token.Valid(end.Add(-time.Second)) || token.Valid(end) {
					t.Fatalf("expires %v, want %v", token.expires, expires)
				}
				if r := token.Resource; r.Host != "plant.example" || r.Topic() != "orders" {
					t.Fatalf("resource %+v", r)
				}
			}
		})
	}
}

// A token that is decoded and encoded again would have another signature.
func TestChangedTokens(t *testing.T) {
	token := makers["Python"]("https://plant.example/topics/orders", time.Date(2026, 6, 15, 18, 0, 0, 0, time.UTC))
	at := strings.Index(token, "&s=")
	for i := range at {
		changed := token[:i] + string(token[i]^1) + token[i+1:]
		if parsed, err := Parse(changed); err == nil && parsed.Signed(key) {
			t.Errorf("%d: changed, and still signed", i)
		}
	}
}

func TestRefused(t *testing.T) {
	const e, s = "e=2030-01-02T03%3A04%3A05Z", "s=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	const r = "r=https%3A%2F%2Fplant.example"
	if _, err := Parse(r + "&" + e + "&" + s); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"empty":                     "",
		"no signature":              r + "&" + e,
		"empty signature":           r + "&" + e + "&s=",
		"signature is not base64":   r + "&" + e + "&s=*",
		"short signature":           r + "&" + e + "&s=AAAA",
		"no resource":               e + "&" + s,
		"empty resource":            "r=&" + e + "&" + s,
		"no expiry":                 r + "&" + s,
		"two resources":             r + "&" + r + "&" + e + "&" + s,
		"two expiries":              r + "&" + e + "&" + e + "&" + s,
		"two signatures":            r + "&" + e + "&" + s + "&" + s,
		"a stranger":                r + "&" + e + "&x=1&" + s,
		"something behind":          r + "&" + e + "&" + s + "&x=1",
		"resource is no URL":        "r=plant.example%2Ftopics%2Fa&" + e + "&" + s,
		"resource has bad escapes":  "r=https%3A%2F%2Fplant.example%2F%25zz&" + e + "&" + s,
		"bad escape":                "r=%zz&" + e + "&" + s,
		"expiry is no time":         r + "&e=tomorrow&" + s,
		"expiry is a date":          r + "&e=2030-01-02&" + s,
		"expiry before all time":    r + "&e=-1&" + s,
		"expiry beyond all time":    r + "&e=99999999999999999999&" + s,
		"expiry on the 31st of Feb": r + "&e=2030-02-31T00%3A00%3A00Z&" + s,
		"too long":                  r + strings.Repeat("a", MaxToken) + "&" + e + "&" + s,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(text)
			if err == nil {
				t.Fatal("taken")
			}
			if strings.Contains(err.Error(), "plant") || strings.Contains(err.Error(), "AAAA") {
				t.Errorf("the error repeats the token: %v", err)
			}
		})
	}
	if token := (Token{signed: "x"}); token.Signed("") || token.Signed("not base64") {
		t.Error("signed with no key")
	}
}

func TestTokensDoNotPrint(t *testing.T) {
	token, err := Parse(makers["Python"]("https://plant.example", time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(token), fmt.Sprintf("%+v %#v", token, token), token.LogValue().String()} {
		if strings.Contains(text, "plant") {
			t.Errorf("printed as %s", text)
		}
	}
}

func TestCovers(t *testing.T) {
	tests := map[string]struct {
		resource string
		path     string
		want     bool
	}{
		"namespace":                 {"https://h", "topics/a", true},
		"namespace, slash":          {"https://h/", "topics/a/eventsubscriptions/s", true},
		"topic":                     {"https://h/topics/a", "topics/a", true},
		"topic, other case":         {"https://h/Topics/A", "topics/a", true},
		"topic asked in other case": {"https://h/topics/a", "TOPICS/A", true},
		"topic, slash":              {"https://h/topics/a/", "topics/a", true},
		"topic, verb":               {"https://h/topics/a:publish", "topics/a", true},
		"topic, query":              {"https://h/topics/a?apiVersion=2018-01-01", "topics/a", true},
		"topic, port and scheme":    {"http://h:99/topics/a", "topics/a", true},
		"topic to its subscription": {"https://h/topics/a", "topics/a/eventsubscriptions/s", true},
		"topic, escapes":            {"https://h/topics/to%20pic%2F1", "topics/to pic/1", false}, // joined below: four segments
		"not a boundary":            {"https://h/topics/a", "topics/ab", false},
		"not a boundary, reverse":   {"https://h/topics/ab", "topics/a", false},
		"another topic":             {"https://h/topics/b", "topics/a", false},
		"subscription":              {"https://h/topics/a/eventsubscriptions/s", "topics/a/eventsubscriptions/s", true},
		"subscription, verb":        {"https://h/topics/a/eventSubscriptions/s:receive", "topics/a/eventsubscriptions/s", true},
		"subscription to its topic": {"https://h/topics/a/eventsubscriptions/s", "topics/a", false},
		"another subscription":      {"https://h/topics/a/eventsubscriptions/s", "topics/a/eventsubscriptions/t", false},
		"prefix":                    {"https://h/ns/plant/topics/a", "topics/a", true},
		"prefix alone":              {"https://h/ns/plant", "topics/a", true},
		"something else":            {"https://h/mqtt/messages", "topics/a", false},
		"topics":                    {"https://h/topics", "topics/a", true}, // above all of them
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := readResource(tt.resource)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Covers(strings.Split(tt.path, "/")); got != tt.want {
				t.Errorf("%s covers %s: %v, want %v", tt.resource, tt.path, got, tt.want)
			}
		})
	}
	r, _ := readResource("https://h/ns/Plant/topics/to%20pic%2F1")
	if r.Namespace != "plant" || r.Topic() != "to pic/1" || !slices.Equal(r.Path, []string{"topics", "to pic/1"}) {
		t.Errorf("read %+v", r)
	}
}

// Reading anything is fine as long as it does not panic; what is read was signed by
// nobody.
func FuzzParse(f *testing.F) {
	for _, make := range makers {
		f.Add(make("https://plant.example/ns/a/topics/b/eventsubscriptions/c:receive", time.Date(2026, 1, 2, 13, 4, 5, 0, time.UTC)))
	}
	f.Add("r=&e=&s=")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := Parse(text)
		if err != nil {
			return
		}
		if token.Resource.Host == "" || token.Valid(token.expires.Add(skew)) {
			t.Errorf("%q: read as %+v until %v", text, token.Resource, token.expires)
		}
		if token.Signed(base64.StdEncoding.EncodeToString([]byte("nobody's key"))) {
			t.Errorf("%q: signed with a key that nobody has", text)
		}
	})
}
