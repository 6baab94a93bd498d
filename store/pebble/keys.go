package pebble

import (
	"encoding/binary"
	"math"

	"gridmq/store"
)

// Key spaces, one byte in front of every key. See docs/formats/store-pebble.md.
const (
	firstNameSpace  = 'e' // the logs there are: log
	holeSpace       = 'h' // truncated spans: log, from
	logSpace        = 'l' // records: log, last position, count
	metaSpace       = 'm' // format, starts, revision
	nameSpace       = 'n' // the logs there are, again: in tables of their own (spanPolicy)
	quarantineSpace = 'q' // damaged records: their key; stretches: 0 or 1, first key
	tableSpace      = 't' // documents: their key
)

// names are the spaces of the logs' names. With their records these lie in three
// tables, so that no damage of two makes a log unknown, and its positions new.
var names = [...]byte{firstNameSpace, nameSpace}

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
	id, _, ok = parseLog(k)
	if first, count = parsePlace(k); !ok || count == 0 {
		return id, 0, 0, false
	}
	return id, first, count, true
}

// parsePlace reads the end of a record's key. A key that is not one has no count.
func parsePlace(k []byte) (first store.Position, count int) {
	const place = 8 + 4
	if len(k) < 3 || len(k) != 3+int(binary.BigEndian.Uint16(k[1:]))+2+place {
		return 0, 0
	}
	k = k[len(k)-place:]
	last, n := positionOf(k), binary.BigEndian.Uint32(k[8:])
	if n > math.MaxInt32 || store.Position(n) > last {
		return 0, 0
	}
	return last + 1 - store.Position(n), int(n)
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
