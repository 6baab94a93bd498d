package load

import (
	"encoding/binary"
	"hash/fnv"
)

// Every payload opens with 24 bytes, big-endian:
//
//	 0  run        uint32  hash of the topic prefix: other people's messages are ignored
//	 4  publisher  uint32  number of the publisher
//	 8  sequence   uint64  0, 1, 2, ... in the stream from this publisher to this receiver
//	16  stamp      int64   nanoseconds on the clock of the run, at sending
const headSize = 24

// A head is the start of a payload, decoded.
type head struct {
	run, publisher uint32
	seq            uint64
	stamp          int64
}

func (h head) put(b []byte) {
	_ = b[headSize-1]
	binary.BigEndian.PutUint32(b, h.run)
	binary.BigEndian.PutUint32(b[4:], h.publisher)
	binary.BigEndian.PutUint64(b[8:], h.seq)
	binary.BigEndian.PutUint64(b[16:], uint64(h.stamp))
}

func readHead(b []byte) (head, bool) {
	if len(b) < headSize {
		return head{}, false
	}
	return head{
		run:       binary.BigEndian.Uint32(b),
		publisher: binary.BigEndian.Uint32(b[4:]),
		seq:       binary.BigEndian.Uint64(b[8:]),
		stamp:     int64(binary.BigEndian.Uint64(b[16:])),
	}, true
}

// runID is the same for two processes that work on the same prefix, so that
// one can drain what the other has stored.
func runID(prefix string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(prefix))
	return h.Sum32()
}
