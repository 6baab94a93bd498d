package lifecycle

import (
	"strconv"
	"strings"

	"gridmq/event"
	"gridmq/event/rawjson"
)

// CloudEvent is e as a CloudEvent, valid and independent of e (section 2).
func (e *Event) CloudEvent() event.Event {
	return event.Event{
		ID:       event.CleanText(e.Notice.ID),
		Source:   reference(e.Namespace.ResourceID),
		Type:     e.Kind.String(),
		Subject:  event.CleanText(e.subject()),
		Time:     event.TimestampOf(e.Notice.Time),
		Data:     e.appendData(nil),
		DataKind: event.JSON,
	}
}

// AppendEventGrid appends e in the Event Grid schema (section 2): one object. Event Grid
// sends arrays of them.
func (e *Event) AppendEventGrid(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendText(dst, "id", e.Notice.ID)
	dst = appendText(dst, "eventTime", string(event.TimestampOf(e.Notice.Time)))
	dst = appendText(dst, "eventType", e.Kind.String())
	dst = appendText(dst, "topic", e.Namespace.ResourceID)
	dst = appendText(dst, "subject", e.subject())
	dst = append(dst, `,"dataVersion":"1","metadataVersion":"1","data":`...)
	return append(e.appendData(dst), '}')
}

// appendData appends what both schemas have in data (section 3).
func (e *Event) appendData(dst []byte) []byte {
	dst = append(dst, '{')
	c := &e.Client
	if e.Kind == ClientCreatedOrUpdated {
		dst = appendText(dst, "createdOn", string(event.TimestampOf(c.Created)))
		dst = appendText(dst, "updatedOn", string(event.TimestampOf(c.Updated)))
	}
	dst = appendText(dst, "namespaceName", e.Namespace.Name)
	if e.Kind <= SessionDisconnected {
		return e.appendSession(dst)
	}
	dst = appendText(dst, "clientName", c.Name)
	dst = appendText(dst, "clientAuthenticationName", c.AuthenticationName)
	if e.Kind == ClientCreatedOrUpdated {
		state := "Disabled"
		if c.Enabled {
			state = "Enabled"
		}
		dst = appendText(dst, "state", state)
		dst = append(dst, `,"attributes":`...)
		if c.Attributes == nil || !event.ValidJSON(c.Attributes) {
			dst = append(dst, `{}`...)
		} else {
			dst = append(dst, c.Attributes...)
		}
	}
	return append(dst, '}')
}

func (e *Event) appendSession(dst []byte) []byte {
	dst = appendText(dst, "clientAuthenticationName", e.Session.AuthenticationName)
	dst = appendText(dst, "clientSessionName", e.Session.Name)
	dst = append(dst, `,"sequenceNumber":`...) // a number, whatever the property table says (section 3)
	dst = strconv.AppendUint(dst, e.Session.Sequence, 10)
	if e.Kind == SessionDisconnected {
		dst = appendText(dst, "disconnectionReason", e.Reason.String())
	}
	return append(dst, '}')
}

// appendText appends a member, with a comma before all but the first.
func appendText(dst []byte, name, value string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, name...)
	dst = append(dst, `":`...)
	return rawjson.AppendQuoted(dst, value)
}

// reference makes a URI reference of a resource id, whose parts people name: what a URI
// must not have is percent-encoded.
func reference(id string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	id = event.CleanText(id)
	for i := range len(id) {
		c := id[i]
		if strings.IndexByte(" \"<>\\^`{|}%", c) >= 0 {
			b.WriteString(string([]byte{'%', hex[c>>4], hex[c&15]}))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
