package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gridmq/client"
	"gridmq/mqtt"
)

const formatHelp = `Formats (-F), as mosquitto_sub has them:
  %t topic        %p payload      %x payload, hex   %l payload length
  %q QoS          %r retained     %m packet id      %d sent again (duplicate)
  %I time, ISO    %U time, Unix   %j JSON           %J JSON, with a JSON payload
  MQTT 5: %C content type  %D correlation data  %E message expiry  %F payload format
          %P user properties  %R response topic  %S subscription ids
  %% is a percent sign; \n \t \\ \0 are what they look like.`

// A format is a list of pieces that each add something of a message.
type format []func(b []byte, m *client.Message) []byte

// formatters are what stands behind a % sign.
var formatters = map[byte]func(b []byte, m *client.Message) []byte{
	'%': func(b []byte, m *client.Message) []byte { return append(b, '%') },
	't': func(b []byte, m *client.Message) []byte { return append(b, m.Topic...) },
	'p': func(b []byte, m *client.Message) []byte { return append(b, m.Payload...) },
	'x': func(b []byte, m *client.Message) []byte { return hex.AppendEncode(b, m.Payload) },
	'X': func(b []byte, m *client.Message) []byte {
		return append(b, strings.ToUpper(hex.EncodeToString(m.Payload))...)
	},
	'l': func(b []byte, m *client.Message) []byte { return strconv.AppendInt(b, int64(len(m.Payload)), 10) },
	'q': func(b []byte, m *client.Message) []byte { return append(b, '0'+m.QoS) },
	'r': func(b []byte, m *client.Message) []byte { return append(b, bit(m.Retain)) },
	'd': func(b []byte, m *client.Message) []byte { return append(b, bit(m.Dup)) },
	'm': func(b []byte, m *client.Message) []byte { return strconv.AppendUint(b, uint64(m.PacketID), 10) },
	'I': func(b []byte, m *client.Message) []byte { return m.Received.AppendFormat(b, isoTime) },
	'U': func(b []byte, m *client.Message) []byte {
		return fmt.Appendf(b, "%d.%09d", m.Received.Unix(), m.Received.Nanosecond())
	},
	'j': func(b []byte, m *client.Message) []byte { return appendJSON(b, m, false) },
	'J': func(b []byte, m *client.Message) []byte { return appendJSON(b, m, true) },
	'C': func(b []byte, m *client.Message) []byte { return append(b, m.Properties.ContentType...) },
	'D': func(b []byte, m *client.Message) []byte { return append(b, m.Properties.CorrelationData...) },
	'R': func(b []byte, m *client.Message) []byte { return append(b, m.Properties.ResponseTopic...) },
	'E': func(b []byte, m *client.Message) []byte {
		if !m.Properties.Has(mqtt.PropMessageExpiryInterval) {
			return b
		}
		return strconv.AppendUint(b, uint64(m.Properties.MessageExpiryInterval), 10)
	},
	'F': func(b []byte, m *client.Message) []byte {
		if !m.Properties.Has(mqtt.PropPayloadFormatIndicator) {
			return b
		}
		return append(b, '0'+m.Properties.PayloadFormatIndicator)
	},
	'P': func(b []byte, m *client.Message) []byte {
		for i, u := range m.Properties.UserProperties {
			if i > 0 {
				b = append(b, ' ')
			}
			b = append(append(append(b, u.Name...), ':'), u.Value...)
		}
		return b
	},
	'S': func(b []byte, m *client.Message) []byte {
		for i, id := range m.Properties.SubscriptionIdentifiers {
			if i > 0 {
				b = append(b, ' ')
			}
			b = strconv.AppendUint(b, uint64(id), 10)
		}
		return b
	},
}

const isoTime = "2006-01-02T15:04:05.000000-0700"

var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '\\': '\\', '0': 0, 'a': '\a', 'e': 0x1b, 'v': '\v'}

func bit(v bool) byte {
	if v {
		return '1'
	}
	return '0'
}

// parseFormat reads a -F format; without one it is the payload, with the topic
// before it if verbose.
func parseFormat(s string, verbose, newline bool) (format, error) {
	if s == "" {
		if s = "%p"; verbose {
			s = "%t %p"
		}
	}
	var f format
	literal := func(c byte) {
		f = append(f, func(b []byte, _ *client.Message) []byte { return append(b, c) })
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '%', '\\':
			i++
			if i == len(s) {
				return nil, fmt.Errorf("-F %q ends with a lone %c", s, c)
			}
			if c == '\\' {
				if e, known := escapes[s[i]]; known {
					literal(e)
					continue
				}
				return nil, fmt.Errorf("-F %q: unknown escape \\%c", s, s[i])
			}
			piece, known := formatters[s[i]]
			if !known {
				return nil, fmt.Errorf("-F %q: unknown %%%c; see --help", s, s[i])
			}
			f = append(f, piece)
		default:
			literal(c)
		}
	}
	if newline {
		literal('\n')
	}
	return f, nil
}

// A printer writes messages, at the latest a moment after they came.
type printer struct {
	format format
	buf    []byte

	mu    sync.Mutex
	w     *bufio.Writer
	timer *time.Timer // a flush is due; nil: none
	err   error
}

// flushAfter is how long output may be held back to be written with more.
const flushAfter = 5 * time.Millisecond

func (p *printer) print(m *client.Message) error {
	p.buf = p.buf[:0]
	for _, piece := range p.format {
		p.buf = piece(p.buf, m)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	if p.timer == nil {
		p.timer = time.AfterFunc(flushAfter, func() { p.flush() })
	}
	_, p.err = p.w.Write(p.buf)
	return p.err
}

// flush writes everything, and tells the first error there ever was.
func (p *printer) flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = nil
	if err := p.w.Flush(); p.err == nil {
		p.err = err
	}
	return p.err
}

// A jsonMessage has the names that mosquitto_sub gives to the fields.
type jsonMessage struct {
	Time       string          `json:"tst"`
	Topic      string          `json:"topic"`
	QoS        byte            `json:"qos"`
	Retain     int             `json:"retain"`
	PacketID   uint16          `json:"mid,omitempty"`
	Length     int             `json:"payloadlen"`
	Properties *jsonProperties `json:"properties,omitempty"`
	// Payload is a string; with %J the JSON it is; null if it is neither.
	Payload json.RawMessage `json:"payload"`
	Hex     string          `json:"payload_hex,omitempty"`
}

type jsonProperties struct {
	ContentType   string              `json:"content-type,omitempty"`
	ResponseTopic string              `json:"response-topic,omitempty"`
	Correlation   string              `json:"correlation-data,omitempty"`
	Expiry        *uint32             `json:"message-expiry-interval,omitempty"`
	Format        *byte               `json:"payload-format-indicator,omitempty"`
	IDs           []uint32            `json:"subscription-identifier,omitempty"`
	User          []map[string]string `json:"user-properties,omitempty"`
}

func appendJSON(b []byte, m *client.Message, payloadIsJSON bool) []byte {
	j := jsonMessage{
		Time: m.Received.Format(isoTime), Topic: m.Topic, QoS: m.QoS, Retain: int(bit(m.Retain) - '0'),
		PacketID: m.PacketID, Length: len(m.Payload), Properties: jsonPropertiesOf(&m.Properties),
	}
	switch {
	case payloadIsJSON && json.Valid(m.Payload):
		j.Payload = bytes.TrimSpace(m.Payload)
	case !payloadIsJSON && utf8.Valid(m.Payload):
		j.Payload, _ = json.Marshal(string(m.Payload)) // a string cannot fail
	default:
		j.Payload, j.Hex = json.RawMessage("null"), hex.EncodeToString(m.Payload)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(j); err != nil {
		return append(b, "null"...) // cannot happen: everything in it is valid
	}
	return append(b, bytes.TrimRight(out.Bytes(), "\n")...)
}

func jsonPropertiesOf(p *mqtt.Properties) *jsonProperties {
	j := jsonProperties{
		ContentType: p.ContentType, ResponseTopic: p.ResponseTopic,
		Correlation: string(p.CorrelationData), IDs: p.SubscriptionIdentifiers,
	}
	if p.Has(mqtt.PropMessageExpiryInterval) {
		j.Expiry = &p.MessageExpiryInterval
	}
	if p.Has(mqtt.PropPayloadFormatIndicator) {
		j.Format = &p.PayloadFormatIndicator
	}
	for _, u := range p.UserProperties {
		j.User = append(j.User, map[string]string{u.Name: u.Value})
	}
	if j.ContentType == "" && j.ResponseTopic == "" && j.Correlation == "" && j.Expiry == nil && j.Format == nil && j.IDs == nil && j.User == nil {
		return nil
	}
	return &j
}
