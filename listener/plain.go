package listener

import (
	"net"
	"time"
)

// A plain connection is a wire and what it would not take.
type plain struct {
	identity
	wire wire
	out  outbox
	kind string // Info.Transport
}

func (p *plain) Wait() error                       { return p.wire.park() }
func (p *plain) Read(b []byte) (int, error)        { return p.wire.Read(b) }
func (p *plain) Push(b []byte) (bool, error)       { return p.out.push(p.wire, b) }
func (p *plain) Pending() int                      { return int(p.out.pending.Load()) }
func (p *plain) SetReadDeadline(t time.Time) error { return p.wire.SetReadDeadline(t) }
func (p *plain) Info() Info                        { return p.info(p.kind) }
func (p *plain) tryRead(b []byte) (int, error)     { return p.wire.tryRead(b) }
func (p *plain) park() error                       { return p.wire.park() }
func (p *plain) answer(b []byte) error             { return p.out.answer(p.wire, b) }

func (p *plain) Drain(timeout time.Duration) error {
	err := p.out.drain(p.wire, timeout)
	if err != nil {
		p.Close()
	}
	return err
}

func (p *plain) Close() error {
	err := p.wire.Close() // first: it ends a Drain
	p.out.close()
	return err
}

func (p *plain) LocalAddr() net.Addr { return p.wire.LocalAddr() }

func (p *plain) RemoteAddr() net.Addr {
	if p.remote != nil {
		return p.remote
	}
	return p.wire.RemoteAddr()
}
