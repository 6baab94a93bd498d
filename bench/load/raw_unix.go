//go:build unix

package load

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lookAgain is how late the end of a connection may be noticed, see rawLoop.
const lookAgain = 500 * time.Millisecond

// rawLoop does what loop's own does with fewer system calls. net.Conn.Read tries
// to read before it waits, so it calls read twice for each time that data comes.
// Here a read that did not fill the buffer has emptied the socket, and we wait at
// once. All of it happens in one call of RawConn.Read: the readiness that the
// runtime remembers is forgotten between two.
//
// An end that came together with the last data is the one thing that such a read
// does not empty: it was announced once, before, and nothing more will come. So
// no wait is longer than lookAgain.
func (p *packetReader) rawLoop(tc *net.TCPConn) error {
	raw, err := tc.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	read := func(fd uintptr) (done bool) {
		for {
			room := p.buf[p.w:]
			n, err := unix.Read(int(fd), room)
			switch {
			case err == unix.EAGAIN:
				return false
			case err == unix.EINTR:
				continue
			case err != nil:
				failed = err
			case n == 0:
				failed = io.EOF
			default:
				p.w += n
				failed = p.cut()
			}
			if failed != nil {
				return true
			}
			if n < len(room) {
				return false // the socket is empty: wait
			}
		}
	}
	for {
		if err := tc.SetReadDeadline(time.Now().Add(lookAgain)); err != nil {
			return err
		}
		err := raw.Read(read)
		switch {
		case failed != nil:
			return failed
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
	}
}
