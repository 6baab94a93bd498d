package listener

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/gobwas/ws"
)

// frame makes a masked frame as a client would.
func frame(op ws.OpCode, fin bool, payload string) []byte {
	f := ws.NewFrame(op, fin, []byte(payload))
	return ws.MustCompileFrame(ws.MaskFrameInPlaceWith(f, [4]byte{1, 2, 3, 4}))
}

// decoded is what a decoder made of some bytes.
type decoded struct {
	data     string
	controls []string
	err      error
}

// decodeSplit feeds b in pieces of random size.
func decodeSplit(b []byte, seed uint64) (out decoded) {
	var d decoder
	cut := rand.New(rand.NewPCG(seed, 0))
	for b = bytes.Clone(b); len(b) > 0 && out.err == nil; {
		k := min(len(b), 1+cut.IntN(1+cut.IntN(40)))
		var n int
		n, out.err = d.feed(b[:k], func(op ws.OpCode, payload []byte) error {
			out.controls = append(out.controls, fmt.Sprintf("%d:%x", op, payload))
			return nil
		})
		out.data += string(b[:n])
		b = b[k:]
	}
	return out
}

// decodeSlowly is the model: frame by frame, with the library's own reader.
func decodeSlowly(b []byte) (out decoded) {
	r, state := bytes.NewReader(b), ws.StateServerSide
	for {
		h, err := ws.ReadHeader(r)
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return out // not all there yet
		}
		if err == nil {
			err = ws.CheckHeader(h, state)
		}
		if err == nil && h.Length > maxFrame {
			err = errFrameSize
		}
		if err == nil && h.OpCode == ws.OpText {
			err = errTextFrame
		}
		if out.err = err; err != nil {
			return out
		}
		payload := make([]byte, min(h.Length, int64(r.Len())))
		r.Read(payload)
		ws.Cipher(payload, h.Mask, 0)
		switch {
		case !h.OpCode.IsControl():
			out.data += string(payload)
			if state = state.Clear(ws.StateFragmented); !h.Fin {
				state = state.Set(ws.StateFragmented)
			}
		case int64(len(payload)) == h.Length:
			out.controls = append(out.controls, fmt.Sprintf("%d:%x", h.OpCode, payload))
		}
	}
}

func (d decoded) String() string {
	return fmt.Sprintf("data %x, controls %v, error %v", d.data, d.controls, d.err)
}

func FuzzDecoder(f *testing.F) {
	long := string(randomBytes(70_000))
	for _, b := range [][]byte{
		frame(ws.OpBinary, true, "packet"),
		frame(ws.OpBinary, true, ""),
		frame(ws.OpBinary, true, long[:300]),
		frame(ws.OpText, true, "packet"),
		frame(ws.OpClose, true, "\x03\xe8bye"),
		bytes.Join([][]byte{frame(ws.OpBinary, false, "pa"), frame(ws.OpPing, true, "?"), frame(ws.OpContinuation, true, "cket")}, nil),
		bytes.Join([][]byte{frame(ws.OpBinary, false, "pa"), frame(ws.OpBinary, true, "cket")}, nil),
		{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4},
		{0x82, 0xff, 0, 0, 0, 0, 0x20, 0, 0, 0, 1, 2, 3, 4},
	} {
		f.Add(b, uint64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		got, want := decodeSplit(b, seed), decodeSlowly(b)
		if got.data != want.data || fmt.Sprint(got.controls) != fmt.Sprint(want.controls) || (got.err == nil) != (want.err == nil) {
			t.Errorf("%x split by %d:\ngot  %v\nwant %v", b, seed, got, want)
		}
	})
}

func TestDecoderRefuses(t *testing.T) {
	tests := map[string]struct {
		bytes []byte
		code  ws.StatusCode
	}{
		"text [MQTT-6.0.0-1]":       {frame(ws.OpText, true, "x"), ws.StatusUnsupportedData},
		"unmasked":                  {ws.MustCompileFrame(ws.NewBinaryFrame([]byte("x"))), ws.StatusProtocolError},
		"reserved bits":             {append([]byte{0xc2}, frame(ws.OpBinary, true, "x")[1:]...), ws.StatusProtocolError},
		"reserved opcode":           {frame(3, true, "x"), ws.StatusProtocolError},
		"stray continuation":        {frame(ws.OpContinuation, true, "x"), ws.StatusProtocolError},
		"new message in the middle": {append(frame(ws.OpBinary, false, "x"), frame(ws.OpBinary, true, "x")...), ws.StatusProtocolError},
		"fragmented ping":           {frame(ws.OpPing, false, "x"), ws.StatusProtocolError},
		"long ping":                 {frame(ws.OpPing, true, string(make([]byte, 126))), ws.StatusProtocolError},
		"too long":                  {[]byte{0x82, 0xff, 0, 0, 0, 0, 0x20, 0, 0, 0, 1, 2, 3, 4}, ws.StatusMessageTooBig},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := decodeSplit(tt.bytes, 7)
			if got.err == nil || closeCode(got.err) != tt.code {
				t.Errorf("decoded as %v; want close code %d", got, tt.code)
			}
		})
	}
}

func TestFrameHead(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 1 << 20} {
		h, err := ws.ReadHeader(bytes.NewReader(appendFrameHead(nil, n)))
		want := ws.Header{Fin: true, OpCode: ws.OpBinary, Length: int64(n)}
		if err != nil || h != want {
			t.Errorf("header for %d bytes reads as %+v, %v; want %+v", n, h, err, want)
		}
	}
}
