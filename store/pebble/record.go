package pebble

import (
	"encoding/binary"
	"hash/crc32"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

const (
	version = 1 // of every value

	recordHead = 1 + 4 // version, count
	docHead    = 1 + 8 // version, revision
	crcSize    = 4

	// A record has at most this many entries and, unless one entry is larger,
	// at most about this many bytes: it is read, checked and cached as a whole,
	// whoever wants one entry of it. Smaller records cost Submit more keys.
	maxEntries = 4096
	maxRecord  = 16 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A flaw is why a value is not what was written.
type flaw string

func (f flaw) Error() string { return string(f) }

const (
	errCRC     flaw = "checksum does not match"
	errVersion flaw = "unknown version"
	errShape   flaw = "malformed"
	errMissing flaw = "missing"
)

// seal puts the checksum of key and value into the last bytes of value. The key
// is part of it, so that a value cannot answer for another key.
func seal(key, value []byte) {
	n := len(value) - crcSize
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value[:n])
	binary.LittleEndian.PutUint32(value[n:], sum)
}

// unseal checks the checksum and the version and returns value without the
// checksum.
func unseal(key, value []byte) ([]byte, error) {
	n := len(value) - crcSize
	if n < 1 {
		return nil, errShape
	}
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value[:n])
	if binary.LittleEndian.Uint32(value[n:]) != sum {
		return nil, errCRC
	}
	if value[0] != version {
		return nil, errVersion
	}
	return value[:n], nil
}

// A slice of a part is what one record holds of it.
type slice struct {
	part     *commit.Part
	from, to int // entries
}

func (s slice) first() store.Position { return s.part.First + store.Position(s.from) }
func (s slice) end() store.Position   { return s.part.First + store.Position(s.to) }

// base is where the entries of s begin in the part's data.
func (s slice) base() uint32 {
	if s.from == 0 {
		return 0
	}
	return s.part.Ends[s.from-1]
}

func (s slice) size() int {
	return recordHead + 4*(s.to-s.from) + int(s.part.Ends[s.to-1]-s.base()) + crcSize
}

// next cuts the next record off a part, from entry `from` on.
func next(p *commit.Part, from int) slice {
	s := slice{p, from, from + 1}
	base := s.base()
	for s.to < len(p.Ends) && s.to-from < maxEntries && p.Ends[s.to]-base <= maxRecord {
		s.to++
	}
	return s
}

// encode writes s into value, which has its size.
//
//	version 1 | count 4 | count × end of entry 4 | entries | CRC32C 4
func (s slice) encode(key, value []byte) {
	value[0] = version
	binary.LittleEndian.PutUint32(value[1:], uint32(s.to-s.from))
	b, base := value[recordHead:], s.base()
	for _, end := range s.part.Ends[s.from:s.to] {
		binary.LittleEndian.PutUint32(b, end-base)
		b = b[4:]
	}
	copy(b, s.part.Data[base:s.part.Ends[s.to-1]])
	seal(key, value)
}

// A record is a decoded record: the entries of [first, first+count).
type record struct {
	first store.Position
	count int
	ends  []byte // count × 4
	data  []byte
}

func (r *record) end() store.Position { return r.first + store.Position(r.count) }

// size is the memory that r takes.
func (r *record) size() int { return len(r.ends) + len(r.data) }

// join appends a copy of the record that follows.
func (r *record) join(next *record) {
	base := uint32(len(r.data))
	for i := 0; i < len(next.ends); i += 4 {
		end := binary.LittleEndian.Uint32(next.ends[i:])
		r.ends = binary.LittleEndian.AppendUint32(r.ends, base+end)
	}
	r.data = append(r.data, next.data...)
	r.count += next.count
}

// entry returns one entry; it aliases the record.
func (r *record) entry(pos store.Position) []byte {
	i, from := int(pos-r.first), uint32(0)
	if i > 0 {
		from = binary.LittleEndian.Uint32(r.ends[4*(i-1):])
	}
	to := binary.LittleEndian.Uint32(r.ends[4*i:])
	return r.data[from:to:to]
}

// decode reads the record of key. It aliases value.
func decode(key, value []byte) (record, error) {
	_, first, count, ok := parseRecord(key)
	if !ok {
		return record{}, errShape
	}
	b, err := unseal(key, value)
	if err != nil {
		return record{}, err
	}
	if len(b) < recordHead || count == 0 || binary.LittleEndian.Uint32(b[1:]) != uint32(count) {
		return record{}, errShape
	}
	b = b[recordHead:]
	if len(b)/4 < count {
		return record{}, errShape
	}
	r := record{first: first, count: count, ends: b[:4*count], data: b[4*count:]}
	last := uint32(0)
	for i := 0; i < len(r.ends); i += 4 {
		end := binary.LittleEndian.Uint32(r.ends[i:])
		if end < last {
			return record{}, errShape
		}
		last = end
	}
	if int(last) != len(r.data) {
		return record{}, errShape
	}
	return r, nil
}

// encodeDocument writes a document into value, which has its size.
//
//	version 1 | revision 8 | value | CRC32C 4
func encodeDocument(key, value, content []byte, revision uint64) {
	value[0] = version
	binary.LittleEndian.PutUint64(value[1:], revision)
	copy(value[docHead:], content)
	seal(key, value)
}

// decodeDocument reads a document. content aliases value.
func decodeDocument(key, value []byte) (content []byte, revision uint64, err error) {
	b, err := unseal(key, value)
	if err != nil {
		return nil, 0, err
	}
	if len(b) < docHead {
		return nil, 0, errShape
	}
	return b[docHead:], binary.LittleEndian.Uint64(b[1:]), nil
}

// number is a document without content, for what is only a number.
func number(key []byte, n uint64) []byte {
	v := make([]byte, docHead+crcSize)
	encodeDocument(key, v, nil, n)
	return v
}
