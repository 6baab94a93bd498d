package robustness

import (
	"fmt"
	"sync"
)

// A fate is what must become of the will of one connection.
type fate int

const (
	open   fate = iota // the connection lives, or nobody can know how it ended
	due                // it was lost: the will is published once
	barred             // it ended well, or came back in time: never
)

func (f fate) String() string { return [...]string{"open", "due", "barred"}[f] }

// A register keeps the wills of all connections, by payload.
type register struct {
	mu    sync.Mutex
	fates map[string]fate
	came  map[string]int
}

func newRegister() *register {
	return &register{fates: make(map[string]fate), came: make(map[string]int)}
}

func (r *register) set(will string, f fate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fates[will] = f
}

func (r *register) heard(will string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.came[will]++
}

// wanting is how many wills are due and have not come.
func (r *register) wanting() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for will, f := range r.fates {
		if f == due && r.came[will] == 0 {
			n++
		}
	}
	return n
}

// faults says what is wrong, wills that came twice and never among it.
func (r *register) faults() (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for will, n := range r.came {
		if _, known := r.fates[will]; !known {
			list = append(list, fmt.Sprintf("will %q came, which nobody left", will))
		}
		if n > 1 {
			list = append(list, fmt.Sprintf("will %q came %d times", will, n))
		}
	}
	for will, f := range r.fates {
		switch n := r.came[will]; {
		case f == due && n == 0:
			list = append(list, fmt.Sprintf("will %q never came, although its connection was lost", will))
		case f == barred && n > 0:
			list = append(list, fmt.Sprintf("will %q came, although it must not", will))
		}
	}
	return list
}

// count is how many wills had a fate.
func (r *register) count(f fate) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.fates {
		if g == f {
			n++
		}
	}
	return n
}
