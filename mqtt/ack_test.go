package mqtt

import (
	"bytes"
	"reflect"
	"testing"
)

func TestAckRefusals(t *testing.T) {
	checkRefusals(t, map[string]refusal{
		"puback":                    {V5, frame(0x40, 0, 1), ok},
		"puback with code":          {V5, frame(0x40, 0, 1, 0x10), ok},
		"puback with success":       {V5, frame(0x40, 0, 1, 0), ok},
		"puback without properties": {V5, frame(0x40, 0, 1, 0x97, 0), ok},
		"puback with properties":    {V5, frame(0x40, 0, 1, 0, properties(0x1f, "r", 0x26, "a", "b")), ok},
		"empty":                     {V5, frame(0x40), malformed},
		"half a packet id":          {V5, frame(0x40, 0), malformed},
		"packet id 0":               {V5, frame(0x40, 0, 0), protocol},
		"packet id 0, 3.1.1":        {V311, frame(0x40, 0, 0), protocol},
		"code in 3.1.1":             {V311, frame(0x40, 0, 1, 0), malformed},
		"puback, unknown code":      {V5, frame(0x40, 0, 1, 0x92), protocol}, // [MQTT-3.4.2-1]
		"pubrec, unknown code":      {V5, frame(0x50, 0, 1, 0x92), protocol}, // [MQTT-3.5.2-1]
		"pubrel, unknown code":      {V5, frame(0x62, 0, 1, 0x10), protocol}, // [MQTT-3.6.2-1]
		"pubcomp, unknown code":     {V5, frame(0x70, 0, 1, 0x80), protocol}, // [MQTT-3.7.2-1]
		"pubrel":                    {V5, frame(0x62, 0, 1, 0x92), ok},
		"pubcomp":                   {V5, frame(0x70, 0, 1, 0x92), ok},
		"property length too long":  {V5, frame(0x40, 0, 1, 0, 1), malformed},
		"bytes left over":           {V5, frame(0x40, 0, 1, 0, 0, 0), malformed},
	})
}

func TestAppendAck(t *testing.T) {
	tests := map[string]struct {
		v      Version
		t      Type
		c      Code
		reason string
		want   []byte
	}{
		"shortest":        {V5, PUBACK, Success, "", []byte{0x40, 2, 1, 2}},
		"pubrel":          {V5, PUBREL, Success, "", []byte{0x62, 2, 1, 2}},
		"code":            {V5, PUBREC, QuotaExceeded, "", []byte{0x50, 3, 1, 2, 0x97}},
		"reason":          {V5, PUBACK, NotAuthorized, "no", []byte{0x40, 9, 1, 2, 0x87, 5, 0x1f, 0, 2, 'n', 'o'}},
		"good reason":     {V5, PUBCOMP, Success, "ok", []byte{0x70, 9, 1, 2, 0, 5, 0x1f, 0, 2, 'o', 'k'}},
		"3.1.1 has none":  {V311, PUBACK, NotAuthorized, "no", []byte{0x40, 2, 1, 2}},
		"3.1.1, shortest": {V311, PUBREL, Success, "", []byte{0x62, 2, 1, 2}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := AppendAck(nil, test.v, test.t, 0x102, test.c, test.reason); !bytes.Equal(got, test.want) {
				t.Errorf("written %x, want %x", got, test.want)
			}
		})
	}
}

// An Ack is used again for the next packet; nothing of the last one stays.
func TestAckIsReset(t *testing.T) {
	var a Ack
	if err := a.Read(V5, PUBACK, join(0, 1, 0x87, properties(0x1f, "r", 0x26, "a", "b"))); err != nil {
		t.Fatal(err)
	}
	if err := a.Read(V5, PUBREC, join(0, 2)); err != nil {
		t.Fatal(err)
	}
	if want := (Ack{Type: PUBREC, PacketID: 2}); !reflect.DeepEqual(a, want) {
		t.Errorf("read %+v, want %+v", a, want)
	}
}

func TestDisconnectAndAuthRefusals(t *testing.T) {
	checkRefusals(t, map[string]refusal{
		"disconnect":                {V5, frame(0xe0), ok},
		"disconnect with code":      {V5, frame(0xe0, 0x04), ok},
		"disconnect with no props":  {V5, frame(0xe0, 0x8e, 0), ok},
		"disconnect, unknown code":  {V5, frame(0xe0, 0x10), protocol}, // [MQTT-3.14.2-1]
		"disconnect, left over":     {V5, frame(0xe0, 0, 0, 0), malformed},
		"disconnect, 3.1.1":         {V311, frame(0xe0), ok},
		"disconnect, code in 3.1.1": {V311, frame(0xe0, 0), malformed},
		"auth":                      {V5, frame(0xf0, 0x18, properties(0x15, "m", 0x16, "d")), ok},
		"auth, empty":               {V5, frame(0xf0), ok}, // section 3.15.2.1
		"auth, code only":           {V5, frame(0xf0, 0x18), malformed},
		"auth, no method":           {V5, frame(0xf0, 0x18, 0), protocol},
		"auth, data alone":          {V5, frame(0xf0, 0x18, properties(0x16, "d")), protocol},
		"auth, unknown code":        {V5, frame(0xf0, 0x80, properties(0x15, "m")), protocol}, // [MQTT-3.15.2-1]
		"auth, 3.1.1":               {V311, frame(0xf0), malformed},
	})
}

func TestShortestForms(t *testing.T) {
	withReason := func(s string) (p Properties) {
		p.ReasonString = s
		p.Mark(PropReasonString)
		return p
	}
	tests := map[string]struct {
		p    packet
		v    Version
		want []byte
	}{
		"disconnect":           {&Disconnect{}, V5, []byte{0xe0, 0}},
		"disconnect with code": {&Disconnect{Code: ServerBusy}, V5, []byte{0xe0, 1, 0x89}},
		"disconnect, reason":   {&Disconnect{Properties: withReason("x")}, V5, []byte{0xe0, 6, 0, 4, 0x1f, 0, 1, 'x'}},
		"disconnect in 3.1.1":  {&Disconnect{Code: ServerBusy, Properties: withReason("x")}, V311, []byte{0xe0, 0}},
		"auth":                 {&Auth{}, V5, []byte{0xf0, 0}},
		"auth in 3.1.1":        {&Auth{}, V311, nil},
		"pingreq":              {pingPacket(PINGREQ), V5, []byte{0xc0, 0}},
		"pingresp":             {pingPacket(PINGRESP), V5, []byte{0xd0, 0}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.p.Append(nil, test.v); !bytes.Equal(got, test.want) {
				t.Errorf("written %x, want %x", got, test.want)
			}
		})
	}
}

// Explanations give way when the peer's Maximum Packet Size is small
// ([MQTT-3.2.2-19] [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.14.2-3] ...).
func TestAppendFit(t *testing.T) {
	props := Properties{ReasonString: "because", UserProperties: []UserProperty{{"name", "value"}}}
	props.Mark(PropReasonString)
	replies := map[string]Reply{
		"ack":        &Ack{Type: PUBACK, PacketID: 1, Code: NotAuthorized, ReasonString: "because", UserProperties: props.UserProperties},
		"connack":    &Connack{Code: Banned, Properties: props},
		"suback":     &Suback{PacketID: 1, Codes: []Code{0}, Properties: props},
		"unsuback":   &Unsuback{PacketID: 1, Codes: []Code{0}, Properties: props},
		"disconnect": &Disconnect{Code: ServerBusy, Properties: props},
		"auth":       &Auth{Code: ReAuthenticate, Properties: props},
	}
	for name, r := range replies {
		t.Run(name, func(t *testing.T) {
			full := len(r.Append(nil, V5))
			reason := len(r.without(true).Append(nil, V5))
			bare := len(r.without(false).Append(nil, V5))
			if full-reason != 14 || reason-bare < 10 {
				t.Fatalf("sizes %d, %d, %d: want the user property to cost 14 bytes and the reason 10", full, reason, bare)
			}
			for max, want := range map[int]int{0: full, full: full, full - 1: reason, reason: reason, reason - 1: bare, bare: bare, bare - 1: 0} {
				got := AppendFit([]byte("before"), V5, uint32(max), r)
				if len(got) != len("before")+want || string(got[:6]) != "before" {
					t.Errorf("within %d: %d bytes, want %d", max, len(got)-6, want)
				}
			}
			if got := r.Append(nil, V5); len(got) != full {
				t.Errorf("the reply was changed: %x", got)
			}
		})
	}
}
