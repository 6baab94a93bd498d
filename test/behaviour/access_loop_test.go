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
		refused := false
		for range 100 { // however slow the machine is, sometime it is faster than one a second
			c, r := f.tryEnter("loop", login{})
			if c != nil {
				c.leave()
				continue
			}
			if want := map[int]byte{v3: 3, v5: 0x9F}[f.version]; r.code != want {
				f.Errorf("refused with %#x, want %#x", r.code, want)
			}
			refused = true
			break
		}
		if !refused {
			f.Fatal("let in a hundred times, want five at once and then one a second")
		}
		f.wantRefusal("loop", "0x9F", "again and again, more than 5 times and then 1 a second")
		calm.publish(1, "all/1", "m")
		f.enter("calm", login{id: "calm too"})
	})
}
