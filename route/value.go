package route

import (
	"strings"

	"gridmq/event"
	"gridmq/mqtt"
)

// value is that of an enrichment (section 4). What the message does not have is an empty
// string, so that filters and consumers can count on the attribute.
func (r *record) value(e *enrichment) event.Value {
	switch e.source {
	case integerValue:
		return event.Integer(e.n)
	case booleanValue:
		return event.Boolean(e.n != 0)
	case userProperty:
		return event.String(event.CleanText(r.userProperty(e.text)))
	case topicName:
		return event.String(event.CleanText(r.message.Topic))
	case responseTopic:
		return event.String(event.CleanText(r.properties.ResponseTopic))
	case correlationData:
		if r.properties.Has(mqtt.PropCorrelationData) {
			return event.Binary(r.properties.CorrelationData)
		}
		return event.String("")
	case payloadFormat:
		return event.Integer(int64(r.properties.PayloadFormatIndicator))
	}
	return event.String(event.CleanText(e.text))
}

// userProperty is the value of the property; of one that is there several times, all of
// them with commas between.
func (r *record) userProperty(name string) string {
	value, more := "", []string(nil)
	found := false
	for i := range r.properties.UserProperties {
		p := &r.properties.UserProperties[i]
		switch {
		case p.Name != name:
		case !found:
			value, found = p.Value, true
		default:
			if more == nil {
				more = []string{value}
			}
			more = append(more, p.Value)
		}
	}
	if more != nil {
		return strings.Join(more, ",")
	}
	return value
}
