package behaviour

import (
	"io"
	"sync"
	"testing"
	"time"

	manage "gridmq/control/client"
	"gridmq/mqtt"
)

// TestAttackDeletion: a namespace goes and comes while clients come to its door. They
// are let in while it is there, refused else, and it ends nothing.
func TestAttackDeletion(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	var group sync.WaitGroup
	stop := make(chan struct{})
	cert := s.badge("press-1")
	for range 8 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				k := caller{ns: "brief", cert: cert}
				nc, err := s.dial(k)
				if err != nil {
					continue
				}
				_ = nc.SetDeadline(time.Now().Add(patience))
				_, _ = nc.Write(k.connect())
				_, _ = io.ReadFull(nc, make([]byte, 4))
				nc.Close()
			}
		})
	}
	for range 5 {
		s.open("brief", "", "")
		s.trust("brief", "ca1", s.ca)
		s.put("brief", "clients", "press-1", `{}`)
		s.enter(caller{ns: "brief", id: "there", cert: cert}).drop()
		if _, err := s.plane.Delete(s.Context(), place.ID("brief"), manage.Condition{}); err != nil {
			t.Fatal(err)
		}
		if r, err := s.knock(caller{ns: "brief", id: "gone", cert: cert}); err == nil && r.connack.Code == mqtt.Success {
			t.Error("a client was let into a namespace that is gone")
		}
	}
	close(stop)
	group.Wait()
}
