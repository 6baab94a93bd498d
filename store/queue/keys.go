package queue

import (
	"encoding/binary"

	"gridmq/store"
)

// Documents of the table, per log:
//
//	queue NUL namespace NUL partition(2) m            the mark
//	queue NUL namespace NUL partition(2) s id(8)      the snapshot of a queue
//
// Numbers are big-endian, so that snapshots are listed in the order of ids.

// NamespacePrefix is the prefix of all documents kept for a namespace: to be
// deleted with its logs.
func NamespacePrefix(namespace string) []byte {
	return append([]byte("queue\x00"+namespace), 0)
}

func logPrefix(log store.LogID) []byte {
	return binary.BigEndian.AppendUint16(NamespacePrefix(log.Namespace), log.Partition)
}

func (q *Queues) markKey() []byte { return append(q.prefix[:len(q.prefix):len(q.prefix)], 'm') }

// snapshotPrefix is the key of a snapshot without its id.
func (q *Queues) snapshotPrefix() []byte {
	return append(q.prefix[:len(q.prefix):len(q.prefix)], 's')
}

func (q *Queues) appendSnapshotKey(b []byte, id ID) []byte {
	b = append(append(b, q.prefix...), 's')
	return binary.BigEndian.AppendUint64(b, uint64(id))
}

func (q *Queues) idOf(key []byte) (ID, bool) {
	if len(key) != len(q.prefix)+1+8 {
		return 0, false
	}
	return ID(binary.BigEndian.Uint64(key[len(q.prefix)+1:])), true
}
