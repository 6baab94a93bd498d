package conformance

import "testing"

var illFormed = map[string]string{
	"stray byte":    "a\xFFb",
	"cut short":     "a\xE2\x82",
	"overlong":      "a\xC0\xAFb",
	"surrogate":     "a\xED\xA0\x80b",
	"beyond 10FFFF": "a\xF4\x90\x80\x80b",
}

var withNUL = map[string]string{"NUL": "a\x00b"}

// Where a client may write text.
const (
	inClientID    = "ClientID"
	inWillTopic   = "will topic"
	inUserName    = "user name"
	inTopic       = "topic"
	inSubscribe   = "SUBSCRIBE"
	inUnsubscribe = "UNSUBSCRIBE"
	inContentType = "content type"
	inResponse    = "response topic"
)

var everyField = []string{inClientID, inWillTopic, inUserName, inTopic, inSubscribe, inUnsubscribe, inContentType, inResponse}

// refusesText writes each text into each field; the connection must end.
func refusesText(texts map[string]string, fields ...string) test {
	return func(t *testing.T, v version) {
		type bad struct{ field, text string }
		cases := map[string]bad{}
		for _, f := range fields {
			if v == v3 && (f == inContentType || f == inResponse) {
				continue
			}
			for n, text := range texts {
				cases[f+" "+n] = bad{f, text}
			}
		}
		try(t, cases, func(t *testing.T, b bad) {
			codes := []byte{0x81, 0x85, 0x8F, 0x90} // malformed, or what is wrong with this field
			var c *conn
			switch b.field {
			case inClientID, inWillTopic, inUserName:
				p := connect{id: name(t)}
				switch b.field {
				case inClientID:
					p.id = b.text
				case inWillTopic:
					p.will = &will{topic: b.text, payload: "x"}
				case inUserName:
					p.user = &b.text
				}
				c = dial(t, v)
				c.send(p.encode(v))
			default:
				c = open(t, v, connect{})
				c.send(map[string][]byte{
					inTopic:       v.publish(0x30, b.text, 0, nil, "x"),
					inSubscribe:   v.subscribe(1, nil, b.text, 0),
					inUnsubscribe: v.unsubscribe(1, b.text),
				}[b.field])
				switch b.field {
				case inContentType:
					c.send(v.publish(0x30, name(t), 0, cat(propContentType, str(b.text)), "x"))
				case inResponse:
					c.send(v.publish(0x30, name(t), 0, cat(propResponseTopic, str(b.text)), "x"))
				}
			}
			c.dropped(codes...)
		})
	}
}

func keepsFEFF(t *testing.T, v version) {
	sub, pub := open(t, v, connect{}), open(t, v, connect{})
	bare := name(t)
	marked := "\uFEFF" + bare + "\uFEFF/x"
	sub.subscribe(marked, 1)
	pub.put(bare, 1, "no")
	pub.put(bare+"/x", 1, "no")
	pub.put(marked, 1, "yes")
	sub.wantMessage(marked, "yes")
}

func refusesPairs(t *testing.T, v version) {
	try(t, map[string][]byte{
		"name ill-formed":  userProperty("\xFF", "value"),
		"value ill-formed": userProperty("name", "\xED\xA0\x80"),
		"name with NUL":    userProperty("na\x00me", "value"),
		"value with NUL":   userProperty("name", "\x00"),
	}, func(t *testing.T, p []byte) {
		c := open(t, v, connect{})
		c.send(v.publish(0x30, name(t), 0, p, "x"))
		c.dropped(0x81)
	})
}
