package client

import (
	"errors"
	"io"
	"net"

	"gridmq/mqtt"
)

// An inbox cuts what is read into packets.
type inbox struct {
	nc   net.Conn
	buf  []byte
	r, w int // buf[r:w] has been read and not been handed on

	aliases map[uint16]string // that the broker has set up
}

const (
	readBuffer = 16 << 10 // to start with
	keepBuffer = 1 << 20  // a larger one is given back after the packet that needed it
)

// next returns one packet; its body is valid until the next call. A packet above
// max bytes (0: MQTT's limit) is an error.
func (in *inbox) next(max uint32) (mqtt.Header, []byte, error) {
	for {
		h, err := mqtt.ReadHeader(in.buf[in.r:in.w], max)
		need := 2
		switch {
		case err == nil && h.Total() <= in.w-in.r:
			body := in.buf[in.r+h.Size : in.r+h.Total()]
			in.r += h.Total()
			return h, body, nil
		case err == nil:
			need = h.Total()
		case !errors.Is(err, io.ErrUnexpectedEOF):
			return h, nil, err
		}
		in.makeRoom(need)
		n, err := in.nc.Read(in.buf[in.w:])
		if in.w += n; n == 0 && err != nil {
			return h, nil, &ClosedError{Err: err}
		}
	}
}

// makeRoom sees that a packet of need bytes fits, and at least one more byte.
func (in *inbox) makeRoom(need int) {
	rest := in.buf[in.r:in.w]
	need = max(need, len(rest)+1)
	switch {
	case need > len(in.buf) || len(in.buf) > keepBuffer && need < readBuffer:
		buf := make([]byte, max(need, readBuffer))
		in.r, in.w = 0, copy(buf, rest)
		in.buf = buf
	case in.r > 0:
		in.r, in.w = 0, copy(in.buf, rest)
	}
}
