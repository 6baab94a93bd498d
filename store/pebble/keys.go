package pebble

import (
	"encoding/binary"

	"gridmq/store"
)

// Key spaces, one byte in front of every key. See docs/formats/store-pebble.md.
const (
	holeSpace       = 'h' // truncated spans: log, from
	logSpace        = 'l' // records: log, last position, count
	metaSpace       = 'm' // format, starts, revision
	quarantineSpace = 'q' // damaged records: their key
	tableSpace      = 't' // documents: their key
)

var (
	formatKey   = []byte("mformat")
	startsKey   = []byte("mstarts")
	revisionKey = []byte("mrevision")
)

// appendLog appends what all keys of a log have in common. The length in front
// of the namespace keeps one name from being the beginning of another.
func appendLog(b []byte, space byte, id store.LogID) []byte {
	b = append(b, space)
	b = binary.BigEndian.AppendUint16(b, uint16(len(id.Namespace)))
	b = append(b, id.Namespace...)
	return binary.BigEndian.AppendUint16(b, id.Partition)
}

// appendPosition appends the key of log from pos on: before any record that
// ends there or later, after all that end earlier.
func appendPosition(b []byte, space byte, id store.LogID, pos store.Position) []byte {
	return binary.BigEndian.AppendUint64(appendLog(b, space, id), uint64(pos))
}

// appendRecord appends the key of a record. It begins with the last position, so
// that the record of a position is the first one from there on: Pebble seeks
// forwards at half the cost of backwards. The count lets a reader know what a
// record covers even when its value is damaged.
func appendRecord(b []byte, id store.LogID, first store.Position, count int) []byte {
	last := first + store.Position(count) - 1
	return binary.BigEndian.AppendUint32(appendPosition(b, logSpace, id, last), uint32(count))
}

func recordKeySize(id store.LogID) int { return 1 + 2 + len(id.Namespace) + 2 + 8 + 4 }

// parseLog takes the log off a key of any log space.
func parseLog(k []byte) (id store.LogID, rest []byte, ok bool) {
	if len(k) < 3 {
		return id, nil, false
	}
	n := int(binary.BigEndian.Uint16(k[1:]))
	if k = k[3:]; len(k) < n+2 {
		return id, nil, false
	}
	id = store.LogID{Namespace: string(k[:n]), Partition: binary.BigEndian.Uint16(k[n:])}
	return id, k[n+2:], true
}

// parseRecord reads the key of a record.
func parseRecord(k []byte) (id store.LogID, first store.Position, count int, ok bool) {
	id, k, ok = parseLog(k)
	if !ok || len(k) != 12 {
		return id, 0, 0, false
	}
	first, count = parsePlace(k)
	return id, first, count, true
}

// parsePlace reads the end of a record's key.
func parsePlace(k []byte) (first store.Position, count int) {
	k = k[len(k)-12:]
	count = int(binary.BigEndian.Uint32(k[8:]))
	return positionOf(k) + 1 - store.Position(count), count
}

func positionOf(b []byte) store.Position { return store.Position(binary.BigEndian.Uint64(b)) }

func appendDocument(b, key []byte) []byte {
	return append(append(b, tableSpace), key...)
}

// after is the first key behind all that start with prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
