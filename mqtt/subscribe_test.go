package mqtt

import (
	"bytes"
	"testing"
)

func TestSubscribeRefusals(t *testing.T) {
	sub := func(options int) []byte { return frame(0x82, 0, 1, 0, "a/#", options) }
	checkRefusals(t, map[string]refusal{
		"all options":                {V5, sub(0x2e), ok},
		"reserved bit 6":             {V5, sub(0x40), malformed}, // [MQTT-3.8.3-5]
		"reserved bit 7":             {V5, sub(0x80), malformed}, // [MQTT-3.8.3-5]
		"QoS 3":                      {V5, sub(3), protocol},
		"retain handling 3":          {V5, sub(0x30), protocol},
		"no local, shared":           {V5, frame(0x82, 0, 1, 0, "$share/g/a", 4), protocol}, // [MQTT-3.8.3-4]
		"shared":                     {V5, frame(0x82, 0, 1, 0, "$share/g/a", 1), ok},
		"none":                       {V5, frame(0x82, 0, 1, 0), protocol},         // [MQTT-3.8.3-2]
		"none, 3.1.1":                {V311, frame(0x82, 0, 1), protocol},          // [MQTT-3.8.3-3 of 3.1.1]
		"packet id 0":                {V5, frame(0x82, 0, 0, 0, "a", 0), protocol}, // [MQTT-2.2.1-3]
		"packet id cut off":          {V5, frame(0x82, 0), malformed},
		"options missing":            {V5, frame(0x82, 0, 1, 0, "a"), malformed},
		"second filter cut off":      {V5, frame(0x82, 0, 1, 0, "a", 0, 0, 9), malformed},
		"filter not UTF-8":           {V5, frame(0x82, 0, 1, 0, "\xff", 0), malformed}, // [MQTT-3.8.3-1]
		"filter is no filter":        {V5, frame(0x82, 0, 1, 0, "a#/+b", 0), ok},       // the SUBACK says so
		"3.1.1":                      {V311, frame(0x82, 0, 1, "a", 2, "b", 0), ok},
		"QoS 3, 3.1.1":               {V311, frame(0x82, 0, 1, "a", 3), malformed}, // [MQTT-3.8.3-4 of 3.1.1]
		"options of 5.0 in 3.1.1":    {V311, frame(0x82, 0, 1, "a", 4), malformed}, // [MQTT-3.8.3-4 of 3.1.1]
		"unsubscribe":                {V5, frame(0xa2, 0, 1, 0, "a", "b"), ok},
		"unsubscribe, 3.1.1":         {V311, frame(0xa2, 0, 1, "a"), ok},
		"unsubscribe none":           {V5, frame(0xa2, 0, 1, 0), protocol},           // [MQTT-3.10.3-2]
		"unsubscribe none, 3.1.1":    {V311, frame(0xa2, 0, 1), protocol},            // [MQTT-3.10.3-2 of 3.1.1]
		"unsubscribe, packet id 0":   {V5, frame(0xa2, 0, 0, 0, "a"), protocol},      // [MQTT-2.2.1-3]
		"unsubscribe, not UTF-8":     {V5, frame(0xa2, 0, 1, 0, "a\x00"), malformed}, // [MQTT-3.10.3-1]
		"unsubscribe, cut off":       {V5, frame(0xa2, 0, 1, 0, 0), malformed},
		"suback":                     {V5, frame(0x90, 0, 1, 0, 0, 1, 2, 0x80, 0x8f, 0xa2), ok},
		"suback, no codes":           {V5, frame(0x90, 0, 1, 0), protocol},
		"suback, code of unsuback":   {V5, frame(0x90, 0, 1, 0, 0x11), protocol}, // [MQTT-3.9.3-2]
		"suback, 3.1.1":              {V311, frame(0x90, 0, 1, 0, 1, 2, 0x80), ok},
		"suback, 5.0 code in 3.1.1":  {V311, frame(0x90, 0, 1, 0x87), protocol}, // [MQTT-3.9.3-2 of 3.1.1]
		"suback, reserved, 3.1.1":    {V311, frame(0x90, 0, 1, 3), protocol},    // [MQTT-3.9.3-2 of 3.1.1]
		"unsuback":                   {V5, frame(0xb0, 0, 1, 0, 0, 0x11, 0x87), ok},
		"unsuback, code of suback":   {V5, frame(0xb0, 0, 1, 0, 1), protocol}, // [MQTT-3.11.3-2]
		"unsuback, no codes":         {V5, frame(0xb0, 0, 1, 0), protocol},
		"unsuback, 3.1.1":            {V311, frame(0xb0, 0, 1), ok},
		"unsuback with codes, 3.1.1": {V311, frame(0xb0, 0, 1, 0), malformed},
	})
}

func TestSubackV311HasOneError(t *testing.T) {
	s := &Suback{PacketID: 1, Codes: []Code{GrantedQoS1, NotAuthorized, TopicFilterInvalid, GrantedQoS0}}
	if got, want := s.Append(nil, V311), []byte{0x90, 6, 0, 1, 1, 0x80, 0x80, 0}; !bytes.Equal(got, want) {
		t.Errorf("written %x, want %x", got, want)
	}
}
