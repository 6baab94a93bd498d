package behaviour

import "testing"

// TestAccessLoop: a registered client that connects again and again is kept from it
// after a while, and the operator sees why; the other clients come and go.
func TestAccessLoop(t *testing.T) {
	securedHere(t, func(f *fleet) {
		openToAll(f)
		f.configure(object{"gridmq": object{"limits": object{"reconnect_rate": 1, "reconnect_burst": 5}}})
		f.client("loop", nil)
		f.client("calm", nil)
		calm := f.enter("calm", login{})
		refused := 0
		for range 10 {
			c, r := f.tryEnter("loop", login{})
			if c != nil {
				c.leave()
				f.away("loop")
				continue
			}
			if want := map[int]byte{v3: 3, v5: 0x9F}[f.version]; r.code != want {
				f.Errorf("refused with %#x, want %#x", r.code, want)
			}
			refused++
		}
		if refused == 0 {
			f.Fatal("let in ten times at once, want five")
		}
		f.wantRefusal("loop", "0x9F", "again and again, more than 5 times and then 1 a second")
		calm.publish(1, "all/1", "m")
		f.enter("calm", login{id: "calm too"})
	})
}
