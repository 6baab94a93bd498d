package tap

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/mqtt"
)

func read(t *Tap) []Event {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return t.Next(ctx)
}

func publishPacket(topic string, qos byte, id uint16, payload string) []byte {
	return mqtt.AppendPublish(nil, &mqtt.Message{Topic: topic, QoS: qos, Payload: []byte(payload)},
		&mqtt.Out{Version: mqtt.V5, QoS: qos, PacketID: id})
}

// What there is too much of is lost, in number, in bytes and in events a second, and the
// reader is told how many.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := New(Options{})
		for range keptEvents + 7 {
			x.Note(Event{Kind: Queued})
		}
		list := read(x)
		if last := list[len(list)-1]; len(list) != keptEvents+1 || last.Kind != Lost || last.Count != 7 {
			t.Errorf("%d events, the last is %+v; want %d and 7 lost", len(list), last, keptEvents)
		}
		for range perSecond {
			x.Note(Event{Kind: Queued})
		}
		list = read(x)
		if want := perSecond - keptEvents; len(list) != want+1 || list[want].Count != keptEvents {
			t.Errorf("%d events in the same second, want %d", len(list)-1, want)
		}
		time.Sleep(time.Second)
		x.Note(Event{Kind: Queued})
		if list = read(x); len(list) != 1 {
			t.Errorf("a second later: %d events, want 1", len(list))
		}
		time.Sleep(time.Second)
		large := make([]Pair, shownPairs)
		for i := range large {
			large[i].Value = strings.Repeat("x", shownText)
		}
		for range 100 {
			x.Note(Event{Kind: Packet, UserProperties: large})
		}
		if list = read(x); len(list) > keptBytes/(shownPairs*shownText)+2 || list[len(list)-1].Kind != Lost {
			t.Errorf("%d large events were kept", len(list))
		}
		x.End("enough")
		x.Note(Event{Kind: Queued})
		if list = read(x); len(list) != 1 || list[0].Kind != Ended || list[0].Reason != "enough" {
			t.Errorf("at the end: %+v", list)
		}
		if list = read(x); len(list) != 0 {
			t.Errorf("after the end: %+v", list)
		}
	})
}

// Whoever reads waits, until there is something.
func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := New(Options{})
		go func() {
			time.Sleep(time.Minute)
			x.Note(Event{Kind: Gone})
		}()
		begin := time.Now()
		if list := x.Next(t.Context()); len(list) != 1 || time.Since(begin) != time.Minute {
			t.Errorf("%+v after %v", list, time.Since(begin))
		}
	})
}

// A filter lets the messages of its topics through, and what is said about those alone.
func TestFilter(t *testing.T) {
	var s Taps
	x := New(Options{Topic: "a/+"})
	s.Add(x)
	in, out := Wire{Direction: In, Version: mqtt.V5}, Wire{Direction: Out, Version: mqtt.V5}
	in.Alias = func(n uint16) string { return map[uint16]string{3: "a/alias", 4: "b/alias"}[n] }
	for id, name := range []string{"a/1", "b/1", "a/2"} {
		s.Packets(in, publishPacket(name, 2, uint16(id+1), "x"))
		s.Packets(out, mqtt.AppendAck(nil, mqtt.V5, mqtt.PUBREC, uint16(id+1), mqtt.Success, ""))
		s.Packets(in, mqtt.AppendAck(nil, mqtt.V5, mqtt.PUBREL, uint16(id+1), mqtt.Success, ""))
	}
	s.Packets(in, publishPacket("b/3", 1, 1, "x")) // the identifier again
	s.Packets(out, mqtt.AppendAck(nil, mqtt.V5, mqtt.PUBACK, 1, mqtt.Success, ""))
	s.Packets(out, publishPacket("b/4", 1, 1, "x"))
	s.Packets(in, mqtt.AppendPingreq(nil))
	for alias := range uint16(5) {
		s.Packets(in, mqtt.AppendPublish(nil, &mqtt.Message{Topic: "?"}, &mqtt.Out{Version: mqtt.V5, Alias: alias, OmitTopic: alias > 0}))
	}
	s.Note(Event{Kind: Queued, Topic: "b/5"})
	s.Note(Event{Kind: Gone})
	var got []string
	for _, e := range read(x) {
		got = append(got, strings.TrimSpace(e.Direction+" "+e.Packet+" "+e.Topic+" "+string(e.Kind)))
	}
	want := "in PUBLISH a/1 packet|out PUBREC  packet|in PUBREL  packet|in PUBLISH a/2 packet|out PUBREC  packet|in PUBREL  packet|" +
		"in PUBLISH  packet|in PUBLISH  packet|in PUBLISH a/alias packet|disconnected" // of two nobody can know the topic
	if have := strings.Join(got, "|"); have != want {
		t.Errorf("let through\n%s\nwant\n%s", have, want)
	}
}

// What is secret is in no event, whatever the reader asks for; payloads are there for
// those who do.
func TestSecrets(t *testing.T) {
	for _, payload := range []bool{false, true} {
		var s Taps
		x := New(Options{Payload: payload})
		s.Add(x)
		props := mqtt.Properties{AuthenticationMethod: "CUSTOM-JWT", AuthenticationData: []byte("SECRET-jwt"),
			UserProperties: []mqtt.UserProperty{{Name: "site", Value: "SECRET-site"}}}
		props.Mark(mqtt.PropAuthenticationMethod, mqtt.PropAuthenticationData)
		c := &mqtt.Connect{Version: mqtt.V5, ClientID: "c", HasUsername: true, Username: "u", HasPassword: true, Password: []byte("SECRET-password"),
			Properties: props, Will: &mqtt.Will{Topic: "w", Payload: []byte("SECRET-will")}}
		s.Connect(c, "127.0.0.1", "tls")
		s.Packets(Wire{Direction: In, Version: mqtt.V5}, (&mqtt.Auth{Code: mqtt.ReAuthenticate, Properties: props}).Append(nil, mqtt.V5))
		m := mqtt.Message{Topic: "t", Payload: []byte("PAYLOAD-1")}
		mp := mqtt.Properties{CorrelationData: []byte("PAYLOAD-2"), UserProperties: []mqtt.UserProperty{
			{Name: "Authorization", Value: "SECRET-header"}, {Name: "api-key", Value: "SECRET-key"}, {Name: "colour", Value: "red"}}}
		mp.Mark(mqtt.PropCorrelationData)
		m.Props = mp.Forward(nil)
		s.Packets(Wire{Direction: Out, Version: mqtt.V5}, mqtt.AppendPublish(nil, &m, &mqtt.Out{Version: mqtt.V5}))
		list := read(x)
		text, err := json.Marshal(list)
		if err != nil || len(list) != 3 {
			t.Fatalf("%d events, %v: %s", len(list), err, text)
		}
		if strings.Contains(string(text), "SECRET") || !strings.Contains(string(text), "CUSTOM-JWT") || !strings.Contains(string(text), `"red"`) {
			t.Errorf("payload=%t: %s", payload, text)
		}
		if got := strings.Contains(string(text), "PAYLOAD-1"); got != payload {
			t.Errorf("payload=%t: payload is shown: %t", payload, got)
		}
	}
}

// FuzzPackets: bytes from outside end in events or nothing, and never in a panic.
func FuzzPackets(f *testing.F) {
	f.Add(publishPacket("a/b", 1, 7, "hello"), true)
	f.Add((&mqtt.Subscribe{PacketID: 1, Subscriptions: []mqtt.Subscription{{Filter: "a/#"}}}).Append(nil, mqtt.V311), false)
	f.Add(mqtt.AppendAck(nil, mqtt.V5, mqtt.PUBACK, 7, mqtt.QuotaExceeded, "full"), true)
	f.Fuzz(func(t *testing.T, b []byte, v5 bool) {
		var s Taps
		plain, filtered := New(Options{Payload: true}), New(Options{Topic: "a/#"})
		s.Add(plain)
		s.Add(filtered)
		w := Wire{Direction: In, Version: mqtt.V311, Alias: func(uint16) string { return "" }}
		if v5 {
			w.Version = mqtt.V5
		}
		s.Packets(w, b)
		all, some := read(plain), read(filtered)
		if len(some) > len(all) {
			t.Errorf("the filter lets %d events through, without it there are %d", len(some), len(all))
		}
		if _, err := json.Marshal(all); err != nil {
			t.Error(err)
		}
	})
}
