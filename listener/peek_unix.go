//go:build unix && !linux

package listener

import "golang.org/x/sys/unix"

// nothing says whether nothing can be read from a socket: no bytes, no end, no
// error.
func nothing(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		if err != unix.EINTR {
			return err == unix.EAGAIN
		}
	}
}
