package mqtt

import (
	"testing"

	"pgregory.net/rapid"
)

// TestFindUserProperty: what is found in the bytes is what decoding finds.
func TestFindUserProperty(t *testing.T) {
	names := rapid.SampledFrom([]string{"", "a", "traceparent", "tracestate", "traceparent2"})
	rapid.Check(t, func(t *rapid.T) {
		var p Properties
		if rapid.Bool().Draw(t, "type") {
			p.ContentType = "text/plain"
			p.Mark(PropContentType)
		}
		if rapid.Bool().Draw(t, "format") {
			p.PayloadFormatIndicator = 1
			p.Mark(PropPayloadFormatIndicator)
		}
		if rapid.Bool().Draw(t, "correlation") {
			p.CorrelationData = []byte("traceparent")
			p.Mark(PropCorrelationData)
		}
		for range rapid.IntRange(0, 4).Draw(t, "pairs") {
			p.UserProperties = append(p.UserProperties, UserProperty{names.Draw(t, "name"), rapid.String().Draw(t, "value")})
			p.Mark(PropUserProperty)
		}
		props, name := p.Forward(nil), names.Draw(t, "wanted")
		want, there := "", false
		for _, u := range p.UserProperties {
			if u.Name == name && !there {
				want, there = u.Value, true
			}
		}
		got := FindUserProperty(props, name)
		if string(got) != want || there != (got != nil) {
			t.Fatalf("FindUserProperty(%x, %q) = %q, want %q", props, name, got, want)
		}
	})
}
