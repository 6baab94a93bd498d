package message

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"gridmq/mqtt"
	"gridmq/topic"
)

// A Message is what an HTTP client wants to have published.
type Message struct {
	Topic  string
	QoS    byte // 0 or 1
	Retain bool
	// Properties are those that a PUBLISH of a client may have.
	Properties mqtt.Properties
	Payload    []byte // aliases the body
}

// Read reads a message. query returns a parameter, decoded.
func Read(header http.Header, query func(name string) (string, bool), body []byte) (Message, error) {
	m := Message{Payload: body}
	r := reader{header, query, nil}
	m.Topic, _ = query("topic")
	switch err := topic.ValidName(m.Topic); {
	case m.Topic == "":
		r.fail("The query parameter `topic` is required.")
	case err != nil:
		r.fail("The query parameter `topic` is not the name of an MQTT topic: %v.", strings.TrimPrefix(err.Error(), "topic: "))
	}
	m.QoS = byte(r.bit("qos", "mqtt-qos", 1))
	m.Retain = r.bit("retain", "mqtt-retain", 0) == 1
	r.properties(&m.Properties)
	return m, r.err
}

// A reader keeps the first fault.
type reader struct {
	header http.Header
	query  func(name string) (string, bool)
	err    error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// one is the value of a header, of which there may be one.
func (r *reader) one(name string) (string, bool) {
	values := r.header.Values(name)
	if len(values) > 1 {
		r.fail("The header %s is there more than once.", name)
	}
	if len(values) == 0 {
		return "", false
	}
	return strings.TrimSpace(values[0]), true
}

// bit is 0 or 1. A query parameter beats a header.
func (r *reader) bit(parameter, header string, usual int) int {
	text, given := "", false
	if parameter != "" {
		text, given = r.query(parameter)
	}
	if !given {
		text, given = r.one(header)
	}
	switch {
	case !given:
		return usual
	case text == "0" || text == "1":
		return int(text[0] - '0')
	}
	r.fail("%s must be 0 or 1.", cmp.Or(parameter, header))
	return usual
}

func (r *reader) properties(p *mqtt.Properties) {
	if text, given := r.one("mqtt-response-topic"); given {
		decoded, err := url.PathUnescape(text)
		if err != nil || topic.ValidName(decoded) != nil {
			r.fail("The header mqtt-response-topic must be the name of an MQTT topic, percent-encoded.")
		}
		p.ResponseTopic = decoded
		p.Mark(mqtt.PropResponseTopic)
	}
	if text, given := r.one("mqtt-correlation-data"); given {
		data, err := readBase64(text)
		if err != nil || len(data) > maxText {
			r.fail("The header mqtt-correlation-data must be base64.")
		}
		p.CorrelationData = data
		p.Mark(mqtt.PropCorrelationData)
	}
	if text, given := r.one("Content-Type"); given && text != "" {
		if !mqtt.ValidString(text) || len(text) > maxText {
			r.fail("The header content-type must be UTF-8.")
		}
		p.ContentType = text
		p.Mark(mqtt.PropContentType)
	}
	if text, given := r.one("mqtt-message-expiry"); given {
		seconds, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			r.fail("The header mqtt-message-expiry must be a whole number of seconds, at most 4294967295.")
		}
		p.MessageExpiryInterval = uint32(seconds)
		p.Mark(mqtt.PropMessageExpiryInterval)
	}
	if r.bit("", "mqtt-payload-format-indicator", 0) == 1 {
		p.PayloadFormatIndicator = 1
		p.Mark(mqtt.PropPayloadFormatIndicator)
	}
	if text, given := r.one("mqtt-user-properties"); given {
		var err error
		if p.UserProperties, err = readUserProperties(text); err != nil {
			r.fail("The header mqtt-user-properties must be the base64 of a JSON array as [{\"name\":\"value\"}].")
		}
	}
}

// maxText is the length of a string or of binary data in MQTT.
const maxText = 65535

// readBase64 takes the standard alphabet and that for URLs, padded or not.
func readBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("line breaks")
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(text)
}
