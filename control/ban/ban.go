// Package ban is who may not connect to a namespace for a while, whatever its
// credentials say.
//
// Units: instants are time.Time. Errors: joined *identity.FieldError.
package ban

import (
	"fmt"
	"net/netip"
	"time"

	"gridmq/identity"
)

// A Ban holds for a connection that everything given in it is true of.
type Ban struct {
	Name               string
	AuthenticationName string       // ignoring case
	ClientID           string       // the identifier in CONNECT, exactly
	Addresses          netip.Prefix // where it comes from; the zero Prefix: from anywhere
	Reason             string
	// Expires is when it ends; zero: never.
	Expires time.Time
}

const maxText = 1024

// Decode reads the properties of a ban.
func Decode(name string, properties []byte) (*Ban, error) {
	p := identity.ReadProperties(properties)
	p.Join(identity.CheckClientName(name))
	b := &Ban{Name: name}
	b.AuthenticationName, _ = p.Text("authenticationName", identity.MaxName)
	b.ClientID, _ = p.Text("clientId", 65535)
	if text, given := p.Text("address", maxText); given && text != "" {
		var err error
		if b.Addresses, err = prefix(text); err != nil {
			p.Fail("address", "want an address or a network such as 10.0.0.0/8")
		}
	}
	b.Reason, _ = p.Text("reason", maxText)
	if text, given := p.Text("expires", maxText); given && text != "" {
		var err error
		b.Expires, err = time.Parse(time.RFC3339, text)
		b.Expires = b.Expires.UTC().Truncate(time.Second)
		if y := b.Expires.Year(); err != nil || y < 1 || y > 9999 || b.Expires.IsZero() {
			p.Fail("expires", "want an instant such as 2026-03-02T07:41:09Z")
		}
	}
	if p.Err() == nil && b.AuthenticationName == "" && b.ClientID == "" && !b.Addresses.IsValid() {
		p.Fail("authenticationName", "want this, clientId or address: a ban of everybody is the namespace's state Disabled")
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return b, nil
}

func prefix(text string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()).Masked(), check(p)
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func check(p netip.Prefix) error {
	if p.Addr().Is4In6() {
		return fmt.Errorf("%s is IPv4 in IPv6", p)
	}
	return nil
}

// Holds says whether the ban is for a connection at an instant.
func (b *Ban) Holds(authenticationName, clientID string, remote netip.Addr, now time.Time) bool {
	return (b.Expires.IsZero() || now.Before(b.Expires)) &&
		(b.AuthenticationName == "" || identity.Fold(b.AuthenticationName) == identity.Fold(authenticationName)) &&
		(b.ClientID == "" || b.ClientID == clientID) &&
		(!b.Addresses.IsValid() || b.Addresses.Contains(remote.Unmap().WithZone("")))
}

// Encode writes the properties.
func (b *Ban) Encode() []byte {
	shown := map[string]any{}
	for name, text := range map[string]string{"authenticationName": b.AuthenticationName, "clientId": b.ClientID, "reason": b.Reason} {
		if text != "" {
			shown[name] = text
		}
	}
	if b.Addresses.IsValid() {
		shown["address"] = b.Addresses.String()
	}
	if !b.Expires.IsZero() {
		shown["expires"] = b.Expires.Format(time.RFC3339)
	}
	return identity.EncodeProperties(shown)
}

// Replaces says whether b may take the place of old: always.
func (b *Ban) Replaces(*Ban) error { return nil }
