package session

import "gridmq/mqtt"

// Never is the Session Expiry Interval of a session that does not expire.
const Never = 0xFFFFFFFF

// EndsAt is the time at which a session ends whose connection was lost at
// closed (Unix ms); 0 is never (section 3.1.2.11.2).
func EndsAt(closed int64, expiry uint32) int64 {
	if expiry == Never {
		return 0
	}
	return closed + int64(expiry)*1000
}

// A Will is the message that is published when the connection is lost.
type Will struct {
	Message mqtt.Message
	// Expiry is the message's expiry interval in seconds, counted from its
	// publication; 0 is none.
	Expiry uint32
	// Delay is the Will Delay Interval in seconds.
	Delay uint32
}

// DueAt is the time at which the will of a connection lost at closed is
// published: after its delay or when the session ends, whichever is first
// [MQTT-3.1.3-9]. ends is 0 for a session that does not expire.
func (w *Will) DueAt(closed, ends int64) int64 {
	due := closed + int64(w.Delay)*1000
	if ends != 0 && ends < due {
		return ends
	}
	return due
}
