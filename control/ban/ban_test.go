package ban

import (
	"net/netip"
	"testing"
	"time"
)

func TestHolds(t *testing.T) {
	now := time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)
	from := netip.MustParseAddr("::ffff:10.1.2.3")
	tests := map[string]struct {
		properties string
		want       bool
	}{
		"name, ignoring case": {`{"authenticationName":"PRESS"}`, true},
		"client, exactly":     {`{"clientId":"c-1"}`, true},
		"client, other case":  {`{"clientId":"C-1"}`, false},
		"address":             {`{"address":"10.1.2.3"}`, true},
		"network":             {`{"address":"10.9.9.9/8"}`, true},
		"other network":       {`{"address":"fd00::/8"}`, false},
		"all of it":           {`{"authenticationName":"press","clientId":"c-1","address":"10.0.0.0/8"}`, true},
		"not all of it":       {`{"authenticationName":"press","clientId":"c-2"}`, false},
		"later":               {`{"clientId":"c-1","expires":"2026-03-02T08:00:01+01:00"}`, true},
		"over":                {`{"clientId":"c-1","expires":"2026-03-02T07:00:00Z"}`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b, err := Decode("x", []byte(tt.properties))
			if err != nil {
				t.Fatal(err)
			}
			if got := b.Holds("press", "c-1", from, now); got != tt.want {
				t.Errorf("%s: %v", tt.properties, got)
			}
			if again, err := Decode("x", b.Encode()); err != nil || string(again.Encode()) != string(b.Encode()) {
				t.Errorf("%s is read back with %v", b.Encode(), err)
			}
		})
	}
	for _, bad := range []string{`{}`, `{"address":"x"}`, `{"address":"::ffff:10.0.0.0/104"}`, `{"clientId":"x","expires":"tomorrow"}`, `{"clientId":""}`} {
		if _, err := Decode("x", []byte(bad)); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}
