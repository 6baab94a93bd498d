package identity

import (
	"net/netip"
	"strings"
	"testing"
)

func TestNetwork(t *testing.T) {
	const two = `{"publicNetworkAccess":"enabled","inboundIpRules":[{"ipMask":"10.1.2.3/8","action":"allow"},{"ipMask":"fd00::/8"},{"ipMask":"192.0.2.1"}]}`
	tests := map[string]struct {
		doc, from string
		want      bool
	}{
		"default":               {``, "203.0.113.1", true},
		"no rules":              {`{"inboundIpRules":[]}`, "203.0.113.1", true},
		"disabled":              {`{"publicNetworkAccess":"Disabled"}`, "127.0.0.1", false},
		"perimeter":             {`{"publicNetworkAccess":"SecuredByPerimeter"}`, "127.0.0.1", false},
		"inside":                {two, "10.9.9.9", true},
		"inside, as IPv6":       {two, "::ffff:10.9.9.9", true},
		"inside, second":        {two, "fd12::1", true},
		"inside, with a zone":   {two, "fd12::1%eth0", true},
		"one address":           {two, "192.0.2.1", true},
		"outside":               {two, "192.0.2.2", false},
		"outside, IPv6":         {two, "2001:db8::1", false},
		"not an address at all": {two, "", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n, err := DecodeNetwork([]byte(test.doc))
			if err != nil {
				t.Fatal(err)
			}
			from, _ := netip.ParseAddr(test.from)
			if got := n.Allows(from); got != test.want {
				t.Errorf("Allows(%v) = %v", from, got)
			}
		})
	}
	for doc, field := range map[string]string{
		`{"inboundIpRules":[{"ipMask":"10.0.0.0/33"}]}`:                           "inboundIpRules[0].ipMask",
		`{"inboundIpRules":[{"ipMask":"::ffff:10.0.0.0/104"}]}`:                   "inboundIpRules[0].ipMask",
		`{"inboundIpRules":[{"ipMask":"10.0.0.0/8"},{"action":"Deny"}]}`:          "inboundIpRules[1].action",
		`{"inboundIpRules":[` + strings.Repeat(`{"ipMask":"::/0"},`, 16) + `{}]}`: "inboundIpRules",
		`{"publicNetworkAccess":"maybe"}`:                                         "publicNetworkAccess",
		`{"inboundIpRules":[1]}`:                                                  "inboundIpRules[0]",
	} {
		if _, err := DecodeNetwork([]byte(doc)); err == nil || fields(err)[0] != field {
			t.Errorf("DecodeNetwork(%s) = %v, want an error in %s", doc, err, field)
		}
	}
}
