package listener

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// nothing says whether nothing can be read from a socket: no bytes, no end, no
// error. It is the one call of a connection that parks in a fresh goroutine, and a
// plain system call needs so little stack that 2 KiB are enough.
func nothing(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			return errno == unix.EAGAIN
		}
	}
}
