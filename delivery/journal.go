package delivery

import (
	"encoding/binary"
	"fmt"
	"sync"

	"gridmq/delivery/internal/copies"
	"gridmq/store"
)

// A journal is where the changes of a topic's subscriptions are written, one entry for
// each: version, number of the subscription, the change. Those of one call are in one
// batch.
type journal struct {
	log store.LogID

	mu      sync.Mutex
	batch   store.Batch
	scratch []byte
	ends    []int
	bytes   int // since the last checkpoint
}

const journalVersion = 1

// append writes changes of subscription number.
func (j *journal) append(s store.Store, number uint64, changes []*copies.Change) (first store.Position, t store.Ticket, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	b := j.scratch[:0]
	j.ends = j.ends[:0]
	for _, x := range changes {
		b = x.Append(binary.AppendUvarint(append(b, journalVersion), number))
		j.ends = append(j.ends, len(b))
	}
	j.scratch = b
	j.batch.Reset()
	j.batch.Log = j.log
	j.batch.Entries = appendParts(j.batch.Entries[:0], b, j.ends)
	j.batch.Frees = true // a copy that is given out or settled makes room in the end
	if first, t, err = s.Submit(&j.batch); err != nil {
		return 0, 0, fmt.Errorf("write what happened to events: %w", err)
	}
	j.bytes += len(b) + entryBytes*len(changes)
	return first, t, nil
}

// size is what was written since the last checkpoint, in bytes.
func (j *journal) size() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.bytes
}

// readEntry reads an entry of the journal.
func readEntry(b []byte) (number uint64, x copies.Change, err error) {
	if len(b) == 0 || b[0] != journalVersion {
		return 0, x, copies.ErrEncoding
	}
	number, n := binary.Uvarint(b[1:])
	if n <= 0 || number == 0 {
		return 0, x, copies.ErrEncoding
	}
	x, err = copies.ReadChange(b[1+n:])
	return number, x, err
}
