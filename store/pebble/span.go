package pebble

import (
	"github.com/cockroachdb/pebble/v2"
)

// fewLogs is up to how many logs each gets tables of its own.
const fewLogs = 16

// spanPolicy says where Pebble ends a table that begins at start, so that what
// is in order of arrival is not rewritten for the sake of what is not: the logs
// are apart from the table of documents, logs from each other unless there are
// many, and the records of a log from the deletions of older ones. Tables of
// records then overlap nothing: no compaction touches them until they are
// deleted, as whole files.
func (s *Store) spanPolicy(start []byte) (p pebble.SpanPolicy, end []byte, err error) {
	switch {
	case len(start) == 0 || start[0] < logSpace:
		return p, []byte{logSpace}, nil
	case start[0] > logSpace:
		return p, nil, nil
	}
	end = []byte{logSpace + 1}
	c := s.commits.Load()
	id, rest, ok := parseLog(start)
	if c == nil || !ok || c.Count() > fewLogs {
		return p, end, nil
	}
	end = after(appendLog(nil, logSpace, id))
	log := c.Log(id)
	if log == nil || len(rest) < 8 {
		return p, end, nil
	}
	if held, until := log.Held(positionOf(rest)); !held {
		end = appendPosition(nil, logSpace, id, until)
	}
	return p, end, nil
}
