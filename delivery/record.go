package delivery

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"gridmq/event"
	"gridmq/store"
)

// A record of a topic's log: version, kind, publish time in ms (8 bytes), body.
const (
	recordVersion = 1
	recordHeader  = 10
)

type recordKind uint8

const (
	routed    recordKind = 1 // of Append; its body is the Renderer's matter
	published recordKind = 2 // of Publish: one CloudEvent in JSON
)

var errRecord = errors.New("delivery: not a record of this version")

func appendRecordHeader(b []byte, kind recordKind, at int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, recordVersion, byte(kind)), uint64(at))
}

type record struct {
	kind      recordKind
	published int64
	body      []byte
}

func readRecord(b []byte) (r record, err error) {
	if len(b) < recordHeader || b[0] != recordVersion {
		return r, errRecord
	}
	r = record{recordKind(b[1]), int64(binary.BigEndian.Uint64(b[2:])), b[recordHeader:]}
	if r.kind != routed && r.kind != published || r.published < 0 || r.published > 1<<50 {
		return r, errRecord
	}
	return r, nil
}

// unlimited: what was accepted once is read, whatever the limits are now.
var unlimited = event.Limits{EventBytes: math.MaxInt, RequestBytes: math.MaxInt, Events: 1, Extensions: math.MaxInt}

// render makes the event of a record. It may alias body.
func (s *Stream) render(pos store.Position, r record) (event.Event, error) {
	if r.kind == published {
		return event.Read(r.body, unlimited)
	}
	e, err := s.plane.options.Render.Render(r.body, s.eventID(pos))
	if err != nil {
		return e, fmt.Errorf("render: %w", err)
	}
	return e, nil
}

// eventID is unique: generations are random, positions never used twice.
func (s *Stream) eventID(pos store.Position) (id EventID) {
	copy(id[:8], s.generation[:])
	binary.BigEndian.PutUint64(id[8:], uint64(pos))
	return id
}

// own makes e independent of the record that it was made of.
func own(e event.Event) event.Event {
	e.Data = bytes.Clone(e.Data)
	return e
}

// leastSize is the least that size can be.
const leastSize = 256

// size is about what e takes in an answer, in bytes.
func size(e *event.Event) int {
	n := leastSize + len(e.ID) + len(e.Source) + len(e.Type) + len(e.Subject) + len(e.DataSchema) + 64*len(e.Extensions)
	if e.DataKind == event.Bytes {
		return n + len(e.Data)*4/3
	}
	return n + len(e.Data)
}
