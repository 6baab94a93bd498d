package mqtt

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"
)

func TestReadHeader(t *testing.T) {
	tests := map[string]struct {
		in   []byte
		max  uint32
		want Header
		code int   // of an *Error
		err  error // another error
	}{
		"nothing yet":                {in: nil, err: io.ErrUnexpectedEOF},
		"no length yet":              {in: []byte{0x30}, err: io.ErrUnexpectedEOF},
		"half a length":              {in: []byte{0x30, 0x80, 0xff}, err: io.ErrUnexpectedEOF},
		"publish":                    {in: []byte{0x3d, 0x05, 0xff}, want: Header{PUBLISH, 0xd, 5, 2}, code: ok},
		"longest":                    {in: []byte{0x30, 0xff, 0xff, 0xff, 0x7f}, want: Header{PUBLISH, 0, MaxRemaining, 5}, code: ok},
		"at the limit":               {in: []byte{0x30, 98}, max: 100, want: Header{PUBLISH, 0, 98, 2}, code: ok},
		"above the limit":            {in: []byte{0x30, 99}, max: 100, code: int(PacketTooLarge)}, // [MQTT-3.2.2-15]
		"five bytes of length":       {in: []byte{0x30, 0x80, 0x80, 0x80, 0x80, 0x01}, code: malformed},
		"zero in two bytes":          {in: []byte{0x30, 0x80, 0x00}, code: malformed}, // [MQTT-1.5.5-1]
		"127 in two bytes":           {in: []byte{0x30, 0xff, 0x00}, code: malformed},
		"type 0":                     {in: []byte{0x00}, code: malformed},
		"flags are seen first":       {in: []byte{0xc1}, code: malformed}, // [MQTT-2.1.3-1]
		"pubrel":                     {in: []byte{0x62, 2}, want: Header{PUBREL, 2, 2, 2}, code: ok},
		"pubrel with wrong flags":    {in: []byte{0x60, 2}, code: malformed}, // [MQTT-3.6.1-1]
		"subscribe with wrong flags": {in: []byte{0x80, 2}, code: malformed}, // [MQTT-3.8.1-1]
		"unsubscribe, wrong flags":   {in: []byte{0xa3, 2}, code: malformed}, // [MQTT-3.10.1-1]
		"disconnect, wrong flags":    {in: []byte{0xe1, 0}, code: malformed}, // [MQTT-3.14.1-1]
		"auth, wrong flags":          {in: []byte{0xf8, 0}, code: malformed}, // [MQTT-3.15.1-1]
		"pingreq":                    {in: []byte{0xc0, 0}, want: Header{PINGREQ, 0, 0, 2}, code: ok},
		"pingreq with a body":        {in: []byte{0xc0, 1}, code: malformed},
		"pingresp with a body":       {in: []byte{0xd0, 1}, code: malformed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, err := ReadHeader(test.in, test.max)
			if test.err != nil {
				if err != test.err {
					t.Fatalf("ReadHeader(%x) = %v, want %v", test.in, err, test.err)
				}
				return
			}
			if got := codeOf(err); got != test.code {
				t.Fatalf("ReadHeader(%x) = code %#x (%v), want %#x", test.in, got, err, test.code)
			}
			if err == nil && h != test.want {
				t.Errorf("ReadHeader(%x) = %+v, want %+v", test.in, h, test.want)
			}
		})
	}
}

// Every combination of type and flags: only the ones of table 2-2 pass.
func TestReservedFlags(t *testing.T) {
	for first := range 256 {
		typ, flags := Type(first>>4), byte(first&15)
		_, err := ReadHeader([]byte{byte(first), 0}, 0)
		want := typ != 0 && (typ == PUBLISH || flags == typ.flags())
		if (err == nil) != want {
			t.Errorf("first byte %#02x (%v): %v, want accepted = %v", first, typ, err, want)
		}
	}
}

// A header that lacks bytes never decides anything; one byte more never changes
// a decision.
func TestHeaderPrefixes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(t, "bytes")
		h, err := ReadHeader(b, 0)
		for n := range b {
			ph, perr := ReadHeader(b[:n], 0)
			if perr == io.ErrUnexpectedEOF {
				continue
			}
			if (perr == nil) != (err == nil) || perr == nil && ph != h {
				t.Fatalf("%x: %+v, %v; its start %x: %+v, %v", b, h, err, b[:n], ph, perr)
			}
		}
	})
}

func TestVarint(t *testing.T) {
	for v, want := range map[uint32][]byte{
		0: {0}, 127: {0x7f}, 128: {0x80, 1}, 16_383: {0xff, 0x7f}, 16_384: {0x80, 0x80, 1},
		2_097_151: {0xff, 0xff, 0x7f}, 2_097_152: {0x80, 0x80, 0x80, 1}, MaxRemaining: {0xff, 0xff, 0xff, 0x7f},
	} { // table 1-1
		got := appendVarint(nil, v)
		if !bytes.Equal(got, want) || varintSize(v) != len(want) {
			t.Errorf("%d is written %x (%d bytes), want %x", v, got, varintSize(v), want)
		}
		back, n, err := readVarint(append(got, 0xff))
		if back != v || n != len(want) || err != nil {
			t.Errorf("%x read as %d, %d bytes, %v; want %d", got, back, n, err, v)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a number that has no encoding was written")
		}
	}()
	appendVarint(nil, MaxRemaining+1)
}

func TestErrorUnwraps(t *testing.T) {
	cause := errors.New("cause")
	err := error(&Error{Op: "read CONNECT", Code: MalformedPacket, Err: cause})
	if !errors.Is(err, cause) {
		t.Errorf("%v does not unwrap", err)
	}
	if got, want := err.Error(), "read CONNECT: Malformed Packet (0x81): cause"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if got, want := (&Error{Op: "x", Code: 0xfe}).Error(), "x: reason code 0xFE (0xFE)"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}
