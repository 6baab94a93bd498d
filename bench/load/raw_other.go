//go:build !unix

package load

import "net"

// rawLoop reads as any connection is read.
func (p *packetReader) rawLoop(tc *net.TCPConn) error { return p.plainLoop(tc) }
