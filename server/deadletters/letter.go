package deadletters

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// A Letter is an event that was not delivered, and why (section 13.4).
type Letter struct {
	Reason, Result string
	Attempts       int
	Published      string          // time; empty: not told
	LastAttempt    string          // time; empty: there was none
	Properties     json.RawMessage // customDeliveryProperties, an object; nil: none
	Event          json.RawMessage // a CloudEvent
}

// Parse reads one record. Names are compared without case, as encoding/json does: sources
// have both deadLetterProperties and deadletterProperties.
func Parse(raw []byte) (Letter, error) {
	if !utf8.Valid(raw) {
		return Letter{}, errors.New("not UTF-8")
	}
	var record struct {
		DeadLetterProperties *struct {
			DeadLetterReason, DeliveryResult string
			DeliveryAttempts                 int
			PublishUTC, DeliveryAttemptUTC   string
		}
		CustomDeliveryProperties map[string]json.RawMessage
		Event                    json.RawMessage
	}
	if err := json.Unmarshal(raw, &record); err != nil {
		return Letter{}, err
	}
	p := record.DeadLetterProperties
	if p == nil {
		return Letter{}, errors.New("it has no deadLetterProperties")
	}
	if err := checkEvent(record.Event); err != nil {
		return Letter{}, err
	}
	l := Letter{Reason: p.DeadLetterReason, Result: p.DeliveryResult, Attempts: p.DeliveryAttempts,
		Published: p.PublishUTC, LastAttempt: p.DeliveryAttemptUTC, Event: record.Event}
	if len(record.CustomDeliveryProperties) > 0 {
		l.Properties, _ = json.Marshal(record.CustomDeliveryProperties) // it was JSON
	}
	return l, nil
}

// checkEvent is enough to show an event; whether it can be published the broker says.
func checkEvent(raw json.RawMessage) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return errors.New("its event is not an object")
	}
	for _, name := range [...]string{"specversion", "id", "source", "type"} {
		var s string
		if json.Unmarshal(members[name], &s) != nil || s == "" {
			return fmt.Errorf("`%s` of its event must be a non-empty string", name)
		}
	}
	return nil
}
