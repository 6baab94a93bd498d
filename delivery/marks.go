package delivery

import "gridmq/store"

// marks tell how many bytes a log holds from a position on, roughly: one mark after
// each spacing of bytes. They are saved with the topic, so that a start reads the end
// of the log alone.
type marks struct {
	list    []mark
	floor   int64 // bytes before what is held
	total   int64 // bytes appended
	spacing int64
	saved   int64 // total when the topic's document was written
}

// A mark says that before pos there are total bytes.
type mark struct {
	pos   store.Position
	total int64
}

// entryBytes is what an entry takes in the log beside its bytes, roughly.
const entryBytes = 16

// saveMarks is how many spacings may be appended before the marks are saved.
const saveMarks = 4

func (m *marks) held() int64 { return m.total - m.floor }

func (m *marks) unsaved() bool { return m.total-m.saved >= saveMarks*m.spacing }

// add counts what was appended up to last.
func (m *marks) add(last store.Position, bytes int64) {
	m.total += bytes + entryBytes
	before := m.floor
	if n := len(m.list); n > 0 {
		before = m.list[n-1].total
	}
	if m.total-before >= m.spacing {
		m.list = append(m.list, mark{last + 1, m.total})
	}
}

// cut counts that nothing before low is held; last is the newest position.
func (m *marks) cut(low, last store.Position) {
	n := 0
	for n < len(m.list) && m.list[n].pos <= low {
		m.floor = m.list[n].total
		n++
	}
	m.list = append(m.list[:0], m.list[n:]...)
	if low > last {
		m.floor = m.total
	}
}
