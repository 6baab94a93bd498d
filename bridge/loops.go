package bridge

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// A Side is what is known of a bridge before it runs: enough to see that messages
// would go round.
type Side struct {
	Name      string
	Namespace string
	Address   string // URL of the other broker
	Maps      Maps
	// NoLocal says that the other broker does not send us what we have sent it.
	NoLocal bool
}

// CheckLoops refuses maps through which a message would come back to where it was
// taken: within one bridge where the other broker cannot be told not to, and through
// two bridges between one namespace and one broker. What goes round through brokers
// that we do not see is for the marks (hops.go).
func CheckLoops(sides []Side) error {
	for i := range sides {
		a := &sides[i]
		for j := range sides {
			b := &sides[j]
			if i == j && a.NoLocal || i != j && (a.Namespace != b.Namespace || place(a.Address) != place(b.Address)) {
				continue
			}
			if err := loop(a, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// loop looks for a way out through a and in again through b.
func loop(a, b *Side) error {
	for i := range a.Maps {
		for j := range b.Maps {
			out, in := &a.Maps[i], &b.Maps[j]
			if !out.out() || !in.in() || !overlap(out.Remote(), in.Remote()) {
				continue
			}
			if a == b {
				return fmt.Errorf("map %q sends to %q what map %q brings back from %q: MQTT 3.1.1 has no way to ask for others' messages only; "+
					"use version 5, bridge_mode if the other broker knows it, or topics that do not overlap", out.Name, out.Remote(), in.Name, in.Remote())
			}
			if overlap(in.Local(), out.Local()) {
				return fmt.Errorf("bridges %q and %q lead to the same broker: map %q of the first sends to %q what map %q of the second brings back to %q, "+
					"without end; put the maps into one bridge", a.Name, b.Name, out.Name, out.Remote(), in.Name, in.Local())
			}
		}
	}
	return nil
}

// place is host and port of a broker's URL, in one spelling.
func place(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	port := u.Port()
	if port == "" {
		port = "1883"
		if u.Scheme == "mqtts" {
			port = "8883"
		}
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// overlap says whether some topic matches both filters.
func overlap(a, b string) bool {
	first := func(f string) (level string, wild bool) {
		level, _, _ = strings.Cut(f, "/")
		return level, level == "+" || level == "#"
	}
	la, wa := first(a)
	lb, wb := first(b)
	if wa && strings.HasPrefix(lb, "$") || wb && strings.HasPrefix(la, "$") { // [MQTT-4.7.2-1]
		return false
	}
	return overlapLevels(splitFilter(a), splitFilter(b))
}

// splitFilter is the levels of a filter.
func splitFilter(f string) []string {
	if f == "/#" { // its parent would be a name without a letter, and is none
		f = "/+/#"
	}
	return strings.Split(f, "/")
}

func overlapLevels(a, b []string) bool {
	for {
		switch {
		case len(a) > 0 && a[0] == "#", len(b) > 0 && b[0] == "#":
			return true // also the parent, when the other has ended
		case len(a) == 0 || len(b) == 0:
			return len(a) == len(b)
		case a[0] != b[0] && a[0] != "+" && b[0] != "+":
			return false
		}
		a, b = a[1:], b[1:]
	}
}
