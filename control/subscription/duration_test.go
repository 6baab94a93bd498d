package subscription

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	tests := map[string]time.Duration{ // -1: refused
		"P1D": day, "PT23H12M": 23*time.Hour + 12*time.Minute, "P0DT23H12M": 23*time.Hour + 12*time.Minute,
		"P1DT0H0M0S": day, "P1W": 7 * day, "P0Y0M7D": 7 * day, "PT90S": 90 * time.Second, "PT1M0.5S": time.Minute + 500*time.Millisecond,
		"PT0.000000001S": 1, "PT1M": time.Minute, "P01D": day, "P1M": -1, "P1Y": -1, "": -1, "P": -1, "PT": -1, "P1DT": -1, "1D": -1, "P1": -1,
		"PD": -1, "P1H": -1, "PT1D": -1, "P1D1D": -1, "PT1M1H": -1, "p1d": -1, "P-1D": -1, "P1.5D": -1, "PT.5S": -1, "PT1.S": -1,
		"PT1.2.3S": -1, " P1D": -1, "P1D ": -1, "P99999999999999999999D": -1, "PT0.0000000001S": -1, "P1DTT1H": -1, "P1,5D": -1, "P9999999W": -1,
	}
	for text, want := range tests {
		got, err := parseDuration(text)
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"P1D", "PT0.5S", "P0Y0M1W2DT3H4M5S", "P9999999WT9999999H", "PTT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := parseDuration(s); err == nil && d < 0 {
			t.Errorf("%q is %v", s, d)
		}
	})
}
