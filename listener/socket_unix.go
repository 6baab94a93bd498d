//go:build unix

package listener

import (
	"io"
	"net"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// netConn is a connection of package net that shows its descriptor.
type netConn interface {
	net.Conn
	syscall.Conn
}

// A socket is a wire over a descriptor. The callbacks are made once, because a
// method value made per call would be garbage per call.
type socket struct {
	netConn
	raw   syscall.RawConn
	early []byte // read too far by an earlier stage (PROXY header, HTTP head)

	asked  bool // park: the kernel has been asked, now it wakes us
	empty  bool // the last read got less than it could take; park finds out more
	readyF func(fd uintptr) bool

	in   operation
	out  operation
	inF  func(fd uintptr) bool // made when first needed; plain TCP needs none
	outF func(fd uintptr) bool
}

// An operation carries arguments and results past syscall.RawConn's callback.
type operation struct {
	b   []byte
	n   int
	err error
}

func newSocket(nc netConn) (*socket, error) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &socket{netConn: nc, raw: raw}
	s.readyF, s.outF = s.ready, s.send
	return s, nil
}

func (s *socket) park() error {
	if len(s.early) > 0 {
		return nil
	}
	s.asked, s.empty = false, false
	return s.raw.Read(s.readyF)
}

// ready tells whether a read would not block. The first call has to ask the
// kernel, because readiness reported before RawConn.Read began is forgotten.
// The second comes after the poller woke us; asking again would be one more
// system call per message only to notice a rare false alarm, which costs no
// more than a Read that waits.
func (s *socket) ready(fd uintptr) bool {
	if s.asked {
		return true
	}
	s.asked = true
	return !nothing(fd)
}

func (s *socket) Read(b []byte) (int, error) {
	if n := s.takeEarly(b); n > 0 {
		return n, nil
	}
	return s.netConn.Read(b)
}

func (s *socket) takeEarly(b []byte) int {
	n := copy(b, s.early)
	if s.early = s.early[n:]; len(s.early) == 0 {
		s.early = nil
	}
	return n
}

// tryRead spares itself the system call that could only say EAGAIN. What has
// come since is not lost: the caller parks next, and park asks.
func (s *socket) tryRead(b []byte) (int, error) {
	if n := s.takeEarly(b); n > 0 || len(b) == 0 {
		return n, nil
	}
	if s.empty {
		return 0, errAgain
	}
	if s.inF == nil {
		s.inF = s.recv
	}
	s.in = operation{b: b}
	err := s.raw.Read(s.inF)
	op := s.in
	s.in = operation{}
	if err == nil {
		err = op.err
		s.empty = err == nil && op.n < len(b) || err == errAgain
	}
	return op.n, err
}

// recv always says "done", so RawConn.Read never waits.
func (s *socket) recv(fd uintptr) bool {
	for {
		n, err := unix.Read(int(fd), s.in.b)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			s.in.err = errAgain
		case err != nil:
			s.in.err = &net.OpError{Op: "read", Net: "tcp", Addr: s.RemoteAddr(), Err: err}
		case n == 0:
			s.in.err = io.EOF
		default:
			s.in.n = n
		}
		return true
	}
}

func (s *socket) tryWrite(b []byte) (int, error) {
	s.out = operation{b: b}
	err := s.raw.Write(s.outF)
	op := s.out
	s.out = operation{}
	if err == nil {
		err = op.err
	}
	return op.n, err
}

// send always says "done", so RawConn.Write never waits.
func (s *socket) send(fd uintptr) bool {
	for {
		n, err := unix.Write(int(fd), s.out.b)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
		case err != nil:
			s.out.err = &net.OpError{Op: "write", Net: "tcp", Addr: s.RemoteAddr(), Err: err}
		default:
			s.out.n = n
		}
		return true
	}
}

// Close discards what the peer has sent and nobody will read. Otherwise the
// system would reset the connection, and the peer might lose the last thing we
// said, as a CONNACK with the reason of a refusal.
func (s *socket) Close() error {
	s.raw.Control(discard)
	return s.netConn.Close()
}

func discard(fd uintptr) {
	b := buffers.Get().(*[]byte)
	defer giveBack(b)
	*b = slices.Grow((*b)[:0], 4<<10)
	for range 16 { // 64 KiB or more; a peer that sends for ever gets its reset
		n, _, err := unix.Recvfrom(int(fd), (*b)[:cap(*b)], unix.MSG_DONTWAIT)
		if err != nil || n < cap(*b) {
			return
		}
	}
}
