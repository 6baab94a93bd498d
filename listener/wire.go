package listener

import (
	"net"
	"time"
)

// A wire is what carries the bytes: a socket, or memory in tests. Reading and
// writing are independent; each has one user at a time.
type wire interface {
	net.Conn // Read and Write wait; its deadlines hold for all verbs
	// park waits until tryRead has something to say, holding nothing.
	park() error
	// tryRead never waits; errAgain when nothing is there.
	tryRead(b []byte) (int, error)
	// tryWrite writes what is taken at once. n < len(b) with a nil error is a
	// full wire. Never together with Write, which it would wait for.
	tryWrite(b []byte) (n int, err error)
}

// writeBy writes all of b before the deadline, and leaves none behind: it would
// fail every tryWrite once it has passed.
func writeBy(w wire, b []byte, deadline time.Time) error {
	if err := w.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.SetWriteDeadline(time.Time{})
}

// errAgain says that nothing can be read now. crypto/tls keeps its state over
// temporary errors of the transport, so it can be asked again later.
var errAgain net.Error = again{}

type again struct{}

func (again) Error() string   { return "listener: nothing to read now" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }
