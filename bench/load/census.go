package load

import (
	"bytes"
	"encoding/base64"
	"sync"
)

// A census counts which numbered payloads have come in events: JSON in which the
// payload is data_base64. It reads nothing else of them, so that the generator does
// not become what is measured. It may be used concurrently.
type census struct {
	run uint32

	mu      sync.Mutex
	streams []stream // by publisher
	foreign uint64   // events that are not of this run
}

func newCensus(run uint32, publishers int) *census {
	return &census{run: run, streams: make([]stream, publishers)}
}

var dataMark = []byte(`"data_base64":"`)

// encodedHead is what the first bytes of a payload take in base64: headSize is a
// multiple of three, so what follows does not touch them.
const encodedHead = headSize / 3 * 4

// see counts the events in text and returns how many there were.
func (c *census) see(text []byte) (events int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		at := bytes.Index(text, dataMark)
		if at < 0 {
			return events
		}
		text = text[at+len(dataMark):]
		events++
		var b [headSize]byte
		if len(text) < encodedHead {
			c.foreign++
			return events
		}
		n, err := base64.StdEncoding.Decode(b[:], text[:encodedHead])
		h, ok := readHead(b[:n])
		if err != nil || !ok || h.run != c.run || int64(h.publisher) >= int64(len(c.streams)) {
			c.foreign++
			continue
		}
		c.streams[h.publisher].see(h.seq)
	}
}

// received is how many different payloads have come.
func (c *census) received() (n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.streams {
		n += c.streams[i].received()
	}
	return n
}

// into adds to a result what has come of sent, by publisher.
func (c *census) into(r *Result, sent []uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.streams {
		r.account(&c.streams[i], sent[i])
	}
}
