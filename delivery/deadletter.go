package delivery

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gridmq/delivery/internal/copies"
	"gridmq/event"
	"gridmq/event/rawjson"
)

// A DeadLetter is events of one subscription that were not delivered, at least one.
// Names are in their first spelling, but for the namespace, which is folded.
type DeadLetter struct {
	Namespace, Topic, Subscription string
	To                             DeadLetters
	Letters                        []Letter
}

// NewPath is a new name for the letters, from the container on; numbers are not zero
// padded (section 13.3). Parts are as they are: a sink escapes what it has to.
func (d *DeadLetter) NewPath(now time.Time) []string {
	now = now.UTC()
	parts := []string{d.To.Container, d.Namespace, d.Topic, d.Subscription}
	for _, n := range [...]int{now.Year(), int(now.Month()), now.Day(), now.Hour()} {
		parts = append(parts, strconv.Itoa(n))
	}
	return append(parts, NewGUID()+".json")
}

// NewGUID is a random UUID (version 4).
func NewGUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Account is the storage account that they are for.
func (d *DeadLetters) Account() string {
	return d.ResourceID[strings.LastIndexByte(d.ResourceID, '/')+1:]
}

// A Letter is one event with what became of it (section 13.4).
type Letter struct {
	Reason      string
	Attempts    int
	Result      string    // of the last attempt
	Published   time.Time // when the broker accepted the event
	LastAttempt time.Time // zero: there was none
	Properties  []Property
	Event       event.Event
}

// A Property is a custom header of push delivery that is no secret.
type Property struct{ Name, Value string }

// reasonTexts and resultOf are the table of section 13.4. to is there for push.
var reasonTexts = [...]string{
	copies.UsedUp:      "Maximum delivery attempts was exceeded.",
	copies.Rejected:    "Event was rejected.",
	copies.Expired:     "Event time to live was exceeded.",
	copies.ClientError: "Undeliverable due to client error",
}

func resultOf(c copies.Copy, to *Destination) string {
	switch {
	case c.Reason == copies.Rejected:
		return "Event was rejected."
	case c.Count == 0:
		return "Event was not delivered."
	case to != nil:
		return Outcome(c.Outcome).String()
	}
	return "Event was not acknowledged nor rejected."
}

// letterOf is the letter of a copy; to is where it was pushed to, nil for pull.
func letterOf(c copies.Copy, e event.Event, to *Destination) Letter {
	l := Letter{
		Reason: reasonTexts[c.Reason], Attempts: c.Count, Result: resultOf(c, to),
		Published: timeOf(c.Published), Event: e,
	}
	if c.First != 0 {
		l.LastAttempt = timeOf(c.First)
	}
	if to != nil {
		l.Properties = to.AppendProperties(nil, &e, false)
	}
	return l
}

// AppendJSON appends the letters as a JSON array (section 13.4): what every sink writes.
func (d *DeadLetter) AppendJSON(b []byte) []byte {
	b = append(b, '[')
	for i := range d.Letters {
		if i > 0 {
			b = append(b, ',')
		}
		b = d.Letters[i].AppendJSON(b)
	}
	return append(b, ']')
}

// AppendJSON appends one letter.
func (l *Letter) AppendJSON(b []byte) []byte {
	b = append(b, `{"deadLetterProperties":{"deadletterreason":`...)
	b = rawjson.AppendQuoted(b, l.Reason)
	b = append(b, `,"deliveryattempts":`...)
	b = event.Integer(int64(l.Attempts)).AppendText(b)
	b = append(b, `,"deliveryresult":`...)
	b = rawjson.AppendQuoted(b, l.Result)
	b = append(b, `,"publishutc":"`...)
	b = append(b, event.TimestampOf(l.Published)...)
	if !l.LastAttempt.IsZero() {
		b = append(b, `","deliveryattemptutc":"`...)
		b = append(b, event.TimestampOf(l.LastAttempt)...)
	}
	b = append(b, `"}`...)
	if len(l.Properties) > 0 {
		b = append(b, `,"customDeliveryProperties":{`...)
		for i, p := range l.Properties {
			if i > 0 {
				b = append(b, ',')
			}
			b = rawjson.AppendQuoted(b, p.Name)
			b = append(b, ':')
			b = rawjson.AppendQuoted(b, p.Value)
		}
		b = append(b, '}')
	}
	b = append(b, `,"event":`...)
	return append(l.Event.AppendJSON(b), '}')
}
