package behaviour

import (
	"net/netip"
	"testing"
	"time"

	manage "gridmq/control/client"
)

// TestAccessSessionShown: what an operator sees of a connection, and of a session
// whose client is away.
func TestAccessSessionShown(t *testing.T) {
	secured(t, func(f *fleet) {
		openToAll(f)
		f.client("c", nil)
		c := f.enter("c", login{durable: true, alive: 77})
		s, err := f.plane.Session(f.Context(), f.ns, "c")
		if err != nil {
			f.Fatal(err)
		}
		from, err := netip.ParseAddrPort(s.Remote)
		if err != nil || from.String() != c.wire.LocalAddr().String() {
			f.Errorf("remote %q (%v), want %v", s.Remote, err, c.wire.LocalAddr())
		}
		if s.KeepAlive != 77 || !s.ExpiresAt.IsZero() {
			f.Errorf("connected: keep alive %d, expires at %v; want 77 and not", s.KeepAlive, s.ExpiresAt)
		}
		c.leave()
		f.away("c")
		list, err := f.plane.Sessions(f.Context(), f.ns, manage.SessionFilter{})
		if err != nil || len(list) != 1 {
			f.Fatalf("sessions: %+v, %v", list, err)
		}
		s = &list[0]
		if want := s.Since.Add(time.Duration(s.SessionExpiry) * time.Second); s.SessionExpiry == 0 || !s.ExpiresAt.Equal(want) || s.ExpiresAt.Location() != time.UTC {
			f.Errorf("away: %d seconds, expires at %v, want %v", s.SessionExpiry, s.ExpiresAt, want)
		}
		if s.Remote != "" || s.KeepAlive != 0 {
			f.Errorf("away: remote %q, keep alive %d, want none", s.Remote, s.KeepAlive)
		}
	})
}
