package mqtt

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// Whatever packet can be said is read as it was written.
func TestRoundTrip(t *testing.T) {
	for _, v := range []Version{V311, V5} {
		for typ := CONNECT; typ <= AUTH; typ++ {
			if v == V311 && typ == AUTH {
				continue
			}
			t.Run(v.String()+"/"+typ.String(), func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					want := drawPacket(t, v, typ)
					b := want.Append([]byte("before"), v)
					if string(b[:6]) != "before" {
						t.Fatalf("Append overwrote %q", b[:6])
					}
					got, err := readPacket(v, b[6:])
					if err != nil {
						t.Fatalf("%+v is written %x: %v", want, b[6:], err)
					}
					if !reflect.DeepEqual(got, want) {
						t.Fatalf("%x\nread    %+v\nwritten %+v", b[6:], got, want)
					}
					if again := got.Append(nil, v); !bytes.Equal(again, b[6:]) {
						t.Fatalf("written again %x, want %x", again, b[6:])
					}
				})
			})
		}
	}
}

// A packet that holds what only 5.0 can say is still written as good 3.1.1.
func TestWrittenForV311(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := Type(rapid.IntRange(int(CONNACK), int(DISCONNECT)).Draw(t, "type"))
		p := drawPacket(t, V5, typ)
		if m, isPublish := p.(*publishPacket); isPublish && m.Topic == "" {
			return // the alias is all there is
		}
		b := p.Append(nil, V311)
		got, err := readPacket(V311, b)
		if err != nil {
			t.Fatalf("%+v is written %x: %v", p, b, err)
		}
		if again := got.Append(nil, V311); !bytes.Equal(again, b) {
			t.Fatalf("written again %x, want %x", again, b)
		}
	})
}

// No byte of a packet can be missing.
func TestCutPacketsAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SampledFrom([]Version{V311, V5}).Draw(t, "version")
		typ := Type(rapid.IntRange(int(CONNECT), int(UNSUBACK)).Draw(t, "type"))
		b := drawPacket(t, v, typ).Append(nil, v)
		h, err := ReadHeader(b, 0)
		if err != nil {
			t.Fatal(err)
		}
		body := b[h.Size:]
		n := rapid.IntRange(0, len(body)-1).Draw(t, "kept")
		switch {
		case typ == PUBLISH, typ == SUBACK, typ == SUBSCRIBE, typ == UNSUBSCRIBE, typ == UNSUBACK:
			return // the rest of the body is payload, or a list that may end earlier
		case typ >= PUBACK && typ <= PUBCOMP && (n == 2 || n == 3):
			return // the short forms
		}
		if got, err := readBody(v, h, body[:n]); err == nil {
			t.Fatalf("%x cut to %x was read as %+v", body, body[:n], got)
		}
	})
}

// The quick look at the properties of a PUBLISH and the thorough one agree.
func TestScanAgreesWithProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkScan(t, drawPropertyBytes(t)) })
}

// The same for every value of table 2-4 with one byte changed or cut off.
func TestScanAgreesOnDamage(t *testing.T) {
	for _, id := range table24[PUBLISH] {
		one := join(int(id), samples[id])
		for i := range one {
			for _, c := range []byte{0, 1, 2, '+', 0x7f, 0x80, 0xff} {
				b := bytes.Clone(one)
				b[i] = c
				checkScan(t, b)
				checkScan(t, append(b, one...))
			}
			checkScan(t, one[:i])
		}
	}
}

func checkScan(t interface{ Fatalf(string, ...any) }, b []byte) {
	p := Publish{Props: b}
	err := p.scan()
	full, fullErr := decodeProps(b)
	if codeOf(err) != codeOf(fullErr) {
		t.Fatalf("%x: scan says %v, Properties %v", b, err, fullErr)
	}
	if err != nil {
		if err.Error() != fullErr.Error() {
			t.Fatalf("%x: scan says %v, Properties %v", b, err, fullErr)
		}
		return
	}
	if p.HasAlias != full.Has(PropTopicAlias) || p.Alias != full.TopicAlias ||
		p.HasExpiry != full.Has(PropMessageExpiryInterval) || p.Expiry != full.MessageExpiryInterval ||
		p.PayloadFormat != full.PayloadFormatIndicator || p.HasSubscriptionID != full.Has(PropSubscriptionIdentifier) {
		t.Fatalf("%x: scan found %+v, Properties %+v", b, p, full)
	}
	forwarded, err := decodeProps(p.Forward(nil))
	if err != nil {
		t.Fatalf("%x: Forward made %x: %v", b, p.Forward(nil), err)
	}
	full.Clear(PropTopicAlias, PropMessageExpiryInterval, PropSubscriptionIdentifier)
	full.TopicAlias, full.MessageExpiryInterval = 0, 0
	if !reflect.DeepEqual(forwarded, full) {
		t.Fatalf("%x: Forward kept %+v, want %+v", b, forwarded, full)
	}
}

// drawPropertyBytes makes a list of properties of PUBLISH, sometimes damaged.
func drawPropertyBytes(t *rapid.T) (b []byte) {
	for range rapid.IntRange(0, 6).Draw(t, "n") {
		id := rapid.SampledFrom(table24[PUBLISH]).Draw(t, "id")
		b = append(append(b, byte(id)), samples[id]...)
	}
	for range rapid.IntRange(0, 2).Draw(t, "damage") {
		if len(b) > 0 {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
	}
	return b[:rapid.IntRange(0, len(b)).Draw(t, "kept")]
}
