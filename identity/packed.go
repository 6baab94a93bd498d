package identity

import (
	"encoding/binary"
	"encoding/hex"
)

// A record is a Client in one string, in which a million of them fit into memory:
//
//	length of the name, 1 byte; of the authentication name, 2 bytes (sameName: the name)
//	name, authentication name
//	1 byte: state (bit 7), scheme (bits 4-6), number of thumbprints (bits 0-3)
//	thumbprints: kind, then 32 or 20 bytes, or a text
//	description, password: texts
//	number of attributes, each: key, kind, value
//
// Numbers are varints; a text is its length and bytes; a key is its number in the
// registry's dictionary plus 1, or 0 and a text; an integer is zig-zag.
type record struct {
	packed string
	hashes [2]uint32 // of the names, by keyKind
}

const sameName = 0xFFFF

// Thumbprints in lower case hexadecimal take half the bytes.
const (
	printSHA256 = iota
	printSHA1
	printText
)

func (r *record) name() string { return r.packed[3 : 3+int(r.packed[0])] }

func (r *record) authenticationName() string {
	n := int(r.packed[1])<<8 | int(r.packed[2])
	if n == sameName {
		return r.name()
	}
	at := 3 + int(r.packed[0])
	return r.packed[at : at+n]
}

// pack writes a client whose names are valid.
func (r *Registry) pack(c *Client) string {
	b := make([]byte, 0, 256)
	b = append(b, byte(len(c.Name)))
	if c.AuthenticationName == c.Name {
		b = append(b, sameName>>8, sameName&0xFF)
		b = append(b, c.Name...)
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(len(c.AuthenticationName)))
		b = append(b, c.Name...)
		b = append(b, c.AuthenticationName...)
	}
	b = append(b, byte(c.State)<<7|byte(c.Scheme)<<4|byte(len(c.Thumbprints)))
	for _, t := range c.Thumbprints {
		b = appendThumbprint(b, t)
	}
	b = appendText(b, c.Description)
	b = appendText(b, string(c.Password))
	b = binary.AppendUvarint(b, uint64(len(c.Attributes)))
	for key, v := range c.Attributes {
		b = appendValue(r.appendKey(b, key), v)
	}
	return string(b)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendThumbprint(b []byte, t string) []byte {
	sum, err := hex.DecodeString(t)
	switch {
	case err != nil || hex.EncodeToString(sum) != t || len(sum) != 32 && len(sum) != 20:
		return appendText(append(b, printText), t)
	case len(sum) == 32:
		return append(append(b, printSHA256), sum...)
	}
	return append(append(b, printSHA1), sum...)
}

func (r *Registry) appendKey(b []byte, key string) []byte {
	if id, known := r.keys.id(key); known {
		return binary.AppendUvarint(b, uint64(id)+1)
	}
	return appendText(append(b, 0), key)
}

func appendValue(b []byte, v Value) []byte {
	b = append(b, byte(v.kind))
	switch v.kind {
	case textValue:
		return appendText(b, v.text)
	case listValue:
		b = binary.AppendUvarint(b, uint64(len(v.list)))
		for _, s := range v.list {
			b = appendText(b, s)
		}
		return b
	}
	return binary.AppendVarint(b, v.n)
}

// An unpacker reads a record that pack wrote; nobody else writes them, so that
// there is nothing to check. Texts are parts of the record, not copies.
type unpacker struct{ rest string }

func (u *unpacker) byte() byte {
	c := u.rest[0]
	u.rest = u.rest[1:]
	return c
}

func (u *unpacker) number() (n uint64) {
	for shift := 0; ; shift += 7 {
		c := u.byte()
		n |= uint64(c&0x7F) << shift
		if c < 0x80 {
			return n
		}
	}
}

func (u *unpacker) bytes(n int) string {
	s := u.rest[:n]
	u.rest = u.rest[n:]
	return s
}

func (u *unpacker) text() string { return u.bytes(int(u.number())) }

func (u *unpacker) thumbprint() string {
	switch u.byte() {
	case printSHA256:
		return hex.EncodeToString([]byte(u.bytes(32)))
	case printSHA1:
		return hex.EncodeToString([]byte(u.bytes(20)))
	}
	return u.text()
}

func (u *unpacker) value() Value {
	switch kind := valueKind(u.byte()); kind {
	case textValue:
		return Text(u.text())
	case listValue:
		list := make([]string, u.number())
		for i := range list {
			list[i] = u.text()
		}
		return List(list...)
	default:
		n := u.number()
		return Value{kind: kind, n: int64(n>>1) ^ -int64(n&1)}
	}
}

// unpack makes the client of a record.
func (r *Registry) unpack(rec *record) *Client {
	c := &Client{Name: rec.name(), AuthenticationName: rec.authenticationName()}
	u := unpacker{rec.packed[3+len(c.Name):]}
	if rec.packed[1] != sameName>>8 {
		u.bytes(len(c.AuthenticationName))
	}
	flags := u.byte()
	c.State, c.Scheme = State(flags>>7), Scheme(flags>>4&7)
	for range flags & 0xF {
		c.Thumbprints = append(c.Thumbprints, u.thumbprint())
	}
	c.Description, c.Password = u.text(), PasswordHash(u.text())
	if n := u.number(); n > 0 {
		c.Attributes = make(Attributes, n)
		names := r.keys.names()
		for range n {
			key := ""
			if id := u.number(); id > 0 {
				key = names[id-1]
			} else {
				key = u.text()
			}
			c.Attributes[key] = u.value()
		}
	}
	return c
}
