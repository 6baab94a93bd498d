package mqtt

import "errors"

// Message is an application message on its way through the broker. It may be a
// view of a read buffer; Own makes it independent.
type Message struct {
	Topic   string
	QoS     byte
	Retain  bool
	Payload []byte
	// Props are the encoded 5.0 properties that pass through unchanged: payload
	// format, content type, response topic, correlation data, user properties.
	Props     []byte
	Expires   int64  // Unix milliseconds; 0: never
	Origin    uint64 // session number of the publisher, for No Local; 0: none
	Published int64  // Unix milliseconds

	own *Message // the copy that Own has made; m itself when m is one
}

// Own returns a deep copy of m, with one allocation for its bytes. Topic is
// kept: strings do not change. The copy is made once: whoever asks again gets
// the same, which must not be changed, and a copy is its own. A Message that was
// copied by value and given another QoS, say, gets a copy of itself that shares
// the bytes. Until it is owned, m belongs to one goroutine.
func (m *Message) Own() *Message {
	old := m.own
	if old != nil && (old == m || old.says(m)) {
		return old
	}
	own := *m
	if old == nil || !shares(old.Payload, m.Payload) || !shares(old.Props, m.Props) {
		n := len(m.Payload)
		buf := make([]byte, n+len(m.Props))
		copy(buf, m.Payload)
		copy(buf[n:], m.Props)
		own.Payload, own.Props = buf[:n:n], buf[n:]
	}
	own.own, m.own = &own, &own
	return &own
}

// says reports whether the copy m still stands for o, the value it was made
// from. Bytes are compared by length only: those of a view do not change while
// it is in use.
func (m *Message) says(o *Message) bool {
	return m.Topic == o.Topic && m.QoS == o.QoS && m.Retain == o.Retain && m.Expires == o.Expires &&
		m.Origin == o.Origin && m.Published == o.Published &&
		len(m.Payload) == len(o.Payload) && len(m.Props) == len(o.Props)
}

// shares reports whether a and b are the same bytes in memory.
func shares(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// Check sees that m can be sent to any subscriber: its topic is a topic name,
// its QoS exists and its properties are well formed. A message from Publish.Read
// and Forward passes; one made from other sources should be asked.
func (m *Message) Check() error {
	why := checkSendable([]byte(m.Topic), m.Props)
	if m.QoS > 2 {
		why = "QoS above 2"
	}
	if why != "" {
		return errors.New("message: " + why)
	}
	return nil
}

// checkSendable says what is wrong with topic or props; "" if nothing is.
func checkSendable(topic, props []byte) string {
	if len(topic) == 0 || len(topic) > maxString { // [MQTT-4.7.3-1] [MQTT-4.7.3-3]
		return "topic: empty or too long"
	}
	if _, why := checkTopic(topic); why != "" {
		return "topic: " + why
	}
	if len(props) == 0 {
		return ""
	}
	p := Publish{Props: props}
	if err := p.scan(); err != nil {
		return err.Error()
	}
	if p.HasExpiry || p.HasAlias || p.HasSubscriptionID {
		return "a property of one hop"
	}
	return ""
}

// Properties decodes m.Props, for those who need them by name.
func (m *Message) Properties() (Properties, error) { return decodeProps(m.Props) }
