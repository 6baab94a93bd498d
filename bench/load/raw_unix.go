//go:build unix

package load

import (
	"io"
	"net"

	"golang.org/x/sys/unix"
)

// rawLoop does what loop's own does with fewer system calls. net.Conn.Read tries
// to read before it waits, so it calls read twice for each time that data comes.
// Here a read that did not fill the buffer has emptied the socket, and we wait at
// once. All of it happens in one call of RawConn.Read: the readiness that the
// runtime remembers is forgotten between two.
func (p *packetReader) rawLoop(tc *net.TCPConn) error {
	raw, err := tc.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Read(func(fd uintptr) (done bool) {
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
	})
	if failed != nil {
		return failed
	}
	return err
}
