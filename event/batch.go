package event

import "gridmq/event/rawjson"

// ReadBatch reads a JSON array of events. It is all or nothing: the first event that
// is wrong refuses the batch, and is told by its index. An empty batch is refused
// (section 6). See Read.
func ReadBatch(body []byte, limits Limits) ([]Event, error) {
	return readArray(body, limits, "the body is one object: send a single event as application/cloudevents+json", (*reading).event)
}

// readArray reads an array, each event by one. notArray is what those are told who send
// a single object.
func readArray(body []byte, limits Limits, notArray string, one func(*reading) (Event, error)) ([]Event, error) {
	limits = limits.withDefaults()
	if err := limits.checkRequest(len(body)); err != nil {
		return nil, err
	}
	if err := checkUTF8(body); err != nil {
		return nil, err
	}
	r := reading{Reader: rawjson.NewReader(body), limits: limits}
	if r.Peek() == '{' {
		return nil, invalid("", notArray)
	}
	if err := r.Open('['); err != nil {
		return nil, malformed(err)
	}
	var events []Event
	for first := true; ; first = false {
		more, err := r.More(']', first)
		switch {
		case err != nil:
			return nil, malformed(err)
		case !more:
			return finishBatch(&r, events)
		case len(events) == limits.Events:
			return nil, tooLarge("the batch has more than %d events: send fewer in one request", limits.Events)
		}
		e, err := one(&r)
		if err != nil {
			return nil, at(err, len(events))
		}
		events = append(events, e)
	}
}

func finishBatch(r *reading, events []Event) ([]Event, error) {
	if err := r.End(); err != nil {
		return nil, malformed(err)
	}
	if len(events) == 0 {
		return nil, invalid("", "the batch is empty: send at least one event")
	}
	return events, nil
}

// at notes where in a batch err, an *Error, happened.
func at(err error, index int) error {
	if e, ok := err.(*Error); ok {
		e.Index = index
	}
	return err
}

// AppendBatch appends the events in the JSON batch format: an array.
func AppendBatch(dst []byte, events []Event) []byte {
	dst = append(dst, '[')
	for i := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = events[i].AppendJSON(dst)
	}
	return append(dst, ']')
}
