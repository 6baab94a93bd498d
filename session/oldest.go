package session

// Oldest returns the oldest message of QoS 1 or 2 that waits for the client or for its
// acknowledgement. It costs no more than the messages behind it that are finished.
func (s *Session) Oldest() (it Item, ok bool) {
	for i := range s.queue.items.len() {
		if x := s.queue.items.at(i); x.state != gone {
			return *x, true
		}
	}
	return Item{}, false
}
