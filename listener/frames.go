package listener

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/gobwas/ws"
)

// maxFrame bounds the payload a single frame may announce: the largest MQTT
// packet with its header. Payloads are not collected, so this is a check for
// sanity and not for memory.
const maxFrame = 256<<20 + 5

var (
	// MQTT 5.0 section 6: [MQTT-6.0.0-1] only binary frames carry MQTT.
	errTextFrame = errors.New("websocket: data in a frame that is not binary")
	errFrameSize = errors.New("websocket: frame too large")
)

// A decoder takes the frames of a client apart. It is pure: bytes in, payload
// and control frames out. Frames need not be aligned with MQTT packets
// [MQTT-6.0.0-2], nor reads with frames; it keeps at most one frame header and
// one control payload in between.
type decoder struct {
	frame ws.Header // being read; meaningful once its header is complete
	left  int64     // bytes of its payload still to come
	at    int       // bytes of its payload seen, for the mask
	inMsg bool      // a fragmented message is open

	head    [ws.MaxHeaderSize]byte // header so far
	headLen int

	control []byte // payload of a control frame so far
	err     error  // the first error; nothing is decoded after it
}

// feed decodes b in place: the payload of data frames is left in b[:n]. Each
// complete control frame is handed to control, whose payload is only valid
// during the call. The first error, also one from control, is kept.
func (d *decoder) feed(b []byte, control func(ws.OpCode, []byte) error) (n int, err error) {
	rest := b
	for len(rest) > 0 && d.err == nil {
		if d.left == 0 {
			if rest = d.header(rest); d.left > 0 || d.headLen > 0 || d.err != nil {
				continue
			}
		}
		part := rest[:min(int64(len(rest)), d.left)]
		rest = rest[len(part):]
		ws.Cipher(part, d.frame.Mask, d.at)
		d.at, d.left = d.at+len(part), d.left-int64(len(part))
		switch {
		case !d.frame.OpCode.IsControl():
			n += copy(b[n:], part)
		case d.left > 0:
			d.control = append(d.control, part...)
		default:
			d.control = append(d.control, part...)
			d.err = control(d.frame.OpCode, d.control)
			d.control = nil
		}
	}
	return n, d.err
}

// header takes what belongs to a frame header from b and returns the rest. Once
// complete, headLen is 0 again and left is set.
func (d *decoder) header(b []byte) []byte {
	for {
		want := d.headWants()
		if d.headLen == want {
			break
		}
		n := copy(d.head[d.headLen:want], b)
		d.headLen, b = d.headLen+n, b[n:]
		if d.headLen < want {
			return b
		}
	}
	d.headLen = 0
	if d.err = d.begin(); d.err != nil {
		d.left = 0
	}
	return b
}

// headWants is the length of the header, as far as its bytes tell already.
func (d *decoder) headWants() int {
	if d.headLen < 2 {
		return 2
	}
	want := 2
	switch d.head[1] & 0x7f {
	case 126:
		want += 2
	case 127:
		want += 8
	}
	if d.head[1]&0x80 != 0 {
		want += 4
	}
	return want
}

// begin interprets a complete header.
func (d *decoder) begin() error {
	h := ws.Header{
		Fin:    d.head[0]&0x80 != 0,
		Rsv:    d.head[0] & 0x70 >> 4,
		OpCode: ws.OpCode(d.head[0] & 0x0f),
		Masked: d.head[1]&0x80 != 0,
	}
	mask := d.head[2:]
	switch l := d.head[1] & 0x7f; l {
	default:
		h.Length = int64(l)
	case 126:
		h.Length, mask = int64(binary.BigEndian.Uint16(mask)), mask[2:]
	case 127:
		h.Length, mask = int64(binary.BigEndian.Uint64(mask)), mask[8:]
	}
	if h.Masked {
		copy(h.Mask[:], mask)
	}
	state := ws.StateServerSide
	if d.inMsg {
		state = state.Set(ws.StateFragmented)
	}
	switch err := ws.CheckHeader(h, state); {
	case err != nil:
		return err
	case h.Length < 0:
		return ws.ErrHeaderLengthMSB
	case h.Length > maxFrame:
		return errFrameSize
	case h.OpCode == ws.OpText:
		return errTextFrame
	}
	if !h.OpCode.IsControl() {
		d.inMsg = !h.Fin
	}
	d.frame, d.left, d.at = h, h.Length, 0
	return nil
}

// closeCode is what to tell a client whose frames ended in err.
func closeCode(err error) ws.StatusCode {
	switch {
	case errors.Is(err, io.EOF):
		return ws.StatusNormalClosure
	case errors.Is(err, errTextFrame):
		return ws.StatusUnsupportedData
	case errors.Is(err, errFrameSize):
		return ws.StatusMessageTooBig
	}
	return ws.StatusProtocolError
}
