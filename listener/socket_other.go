//go:build !unix

package listener

import (
	"net"
	"syscall"
)

// netConn is a connection of package net that shows its descriptor.
type netConn interface {
	net.Conn
	syscall.Conn
}

// A socket where the system has no non-blocking calls we could make beside
// package net (Windows). It behaves the same and costs more: a read buffer for
// each idle connection, and a Drain for each Push.
type socket struct {
	netConn
	early []byte // read and not asked for yet
}

func newSocket(nc netConn) (*socket, error) { return &socket{netConn: nc}, nil }

func (s *socket) park() error {
	if len(s.early) > 0 {
		return nil
	}
	b := make([]byte, 2<<10)
	n, err := s.netConn.Read(b)
	s.early = b[:n]
	return err
}

func (s *socket) Read(b []byte) (int, error) {
	if n, err := s.tryRead(b); err == nil {
		return n, nil
	}
	return s.netConn.Read(b)
}

func (s *socket) tryRead(b []byte) (int, error) {
	if len(s.early) == 0 && len(b) > 0 {
		return 0, errAgain
	}
	n := copy(b, s.early)
	s.early = s.early[n:]
	return n, nil
}

// tryWrite takes nothing: the outbox keeps it for Drain.
func (s *socket) tryWrite([]byte) (int, error) { return 0, nil }
