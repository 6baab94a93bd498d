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
	Raw            json.RawMessage // the whole
}

// maxLetters of one file.
const maxLetters = 100_000

// parse reads a file. Names are compared without case, as encoding/json does: sources
// have both deadLetterProperties and deadletterProperties.
func parse(b []byte) ([]Letter, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("not UTF-8")
	}
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("not an array in JSON: %w", err)
	}
	if len(list) == 0 || len(list) > maxLetters {
		return nil, fmt.Errorf("%d records: want 1 to %d", len(list), maxLetters)
	}
	letters := make([]Letter, 0, len(list))
	for i, raw := range list {
		l, err := parseLetter(raw)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
		letters = append(letters, l)
	}
	return letters, nil
}

func parseLetter(raw json.RawMessage) (Letter, error) {
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
		Published: p.PublishUTC, LastAttempt: p.DeliveryAttemptUTC, Event: record.Event, Raw: raw}
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
