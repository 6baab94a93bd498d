package load

import "net"

// A packetReader cuts what is read into packets.
type packetReader struct {
	buf    []byte
	r, w   int                                 // buf[r:w] has not been looked at
	packet func(first byte, body []byte) error // body is valid until it returns
	flush  func() error                        // all that was read has been seen
}

// loop reads until the connection ends. See packetReader for its arguments.
func (c *conn) loop(size int, packet func(first byte, body []byte) error, flush func() error) error {
	p := packetReader{buf: make([]byte, max(size, len(c.in))), packet: packet, flush: flush}
	p.w = copy(p.buf, c.in)
	c.in = nil
	if err := p.cut(); err != nil {
		return err
	}
	if tc, ok := c.nc.(*net.TCPConn); ok {
		return noEOF(p.rawLoop(tc))
	}
	return noEOF(p.plainLoop(c.nc))
}

func (p *packetReader) plainLoop(nc net.Conn) error {
	for {
		n, err := nc.Read(p.buf[p.w:])
		p.w += n
		if n == 0 && err != nil {
			return err
		}
		if err := p.cut(); err != nil {
			return err
		}
	}
}

// cut hands on all packets that are complete, and makes room for more.
func (p *packetReader) cut() error {
	need := 0
	for {
		first, body, n, err := split(p.buf[p.r:p.w])
		if err != nil {
			return err
		}
		if n > p.w-p.r {
			need = n
			break
		}
		if err := p.packet(first, body); err != nil {
			return err
		}
		p.r += n
	}
	if err := p.flush(); err != nil {
		return err
	}
	rest := p.buf[p.r:p.w]
	if need > len(p.buf) {
		p.buf = make([]byte, need)
	}
	p.r, p.w = 0, copy(p.buf, rest)
	return nil
}
