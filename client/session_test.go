package client

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"gridmq/internal/bubble"
	"gridmq/mqtt"
)

// open publishes n messages of a QoS on a session, of which the broker has
// answered nothing, and loses the connection. done counts outcomes.
func open(t *testing.T, s *Session, n int, qos byte) (ids []uint16, done *[]error) {
	t.Helper()
	done = new([]error)
	c, f := login(t, Options{Session: s}, mqtt.Connack{})
	for _, m := range texts(n, qos) {
		if err := c.PublishAsync(t.Context(), m, func(_ mqtt.Code, err error) { *done = append(*done, err) }); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, f.wantPublish().PacketID)
	}
	f.nc.Close()
	c.Wait()
	return ids, done
}

// TestResume: what is not acknowledged is sent again, in order, with its id
// [MQTT-4.4.0-1]; and as something new where the broker knows nothing of it.
func TestResume(t *testing.T) {
	for _, present := range []bool{true, false} {
		for _, v := range []mqtt.Version{mqtt.V5, mqtt.V311} {
			t.Run(fmt.Sprintf("version %d, session present %t", v, present), func(t *testing.T) {
				bubble.Test(t, func(t *testing.T) {
					s := &Session{}
					ids, done := open(t, s, 3, 1)
					if len(*done) != 0 || s.Unacknowledged() != 3 {
						t.Fatalf("outcomes %v, %d open, before there can be any", *done, s.Unacknowledged())
					}
					_, f := login(t, Options{Version: v, Session: s, Resume: true}, mqtt.Connack{SessionPresent: present})
					for i, id := range ids {
						p := f.wantPublish()
						if p.PacketID != id || p.Dup != present || string(p.Payload) != fmt.Sprint(i) {
							t.Errorf("message %d came as id %d, dup %t, %q", i, p.PacketID, p.Dup, p.Payload)
						}
						f.sendAck(mqtt.PUBACK, id, mqtt.Success)
					}
					synctest.Wait()
					if len(*done) != 3 || errors.Join(*done...) != nil || s.Unacknowledged() != 0 {
						t.Errorf("outcomes %v, %d open", *done, s.Unacknowledged())
					}
				})
			})
		}
	}
}

// TestResumeReleased: after PUBREC it is PUBREL that is sent again; a session
// that is gone has taken the message.
func TestResumeReleased(t *testing.T) {
	lose := func(t *testing.T, s *Session) (id uint16, done *[]error) {
		done = new([]error)
		c, f := login(t, Options{Session: s}, mqtt.Connack{})
		c.PublishAsync(t.Context(), &Message{Topic: "t", QoS: 2}, func(_ mqtt.Code, err error) { *done = append(*done, err) })
		id = f.wantPublish().PacketID
		f.sendAck(mqtt.PUBREC, id, mqtt.Success)
		f.wantAck(mqtt.PUBREL, id, mqtt.Success)
		f.nc.Close()
		c.Wait()
		return id, done
	}
	t.Run("the session is there", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			s := &Session{}
			id, done := lose(t, s)
			_, f := login(t, Options{Session: s, Resume: true}, mqtt.Connack{SessionPresent: true})
			f.wantAck(mqtt.PUBREL, id, mqtt.Success)
			f.sendAck(mqtt.PUBCOMP, id, mqtt.Success)
			synctest.Wait()
			if len(*done) != 1 || (*done)[0] != nil {
				t.Errorf("outcomes %v", *done)
			}
		})
	})
	t.Run("the session is gone", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			s := &Session{}
			_, done := lose(t, s)
			o := Options{Session: s, Resume: true}
			f := pipe(t, &o)
			result := connect(t, t.Context(), o)
			f.want(mqtt.CONNECT)
			f.send((&mqtt.Connack{}).Append(nil, f.v))
			if code, said := f.wantEnd(); said {
				t.Errorf("DISCONNECT with %v", code)
			}
			if err := <-result; err != nil {
				t.Error(err)
			}
			if len(*done) != 1 || (*done)[0] != nil {
				t.Errorf("outcomes %v", *done)
			}
		})
	})
}

// TestResumeFillsTheWindow: what is sent again counts for the broker's Receive
// Maximum, which may be smaller now.
func TestResumeFillsTheWindow(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := &Session{}
		ids, done := open(t, s, 5, 1)
		ack := mqtt.Connack{SessionPresent: true}
		ack.Properties.ReceiveMaximum = 2
		ack.Properties.Mark(mqtt.PropReceiveMaximum)
		_, f := login(t, Options{Session: s, Resume: true}, ack)
		f.wantPublish()
		f.wantPublish()
		f.wantNothing(1000)
		for _, id := range ids {
			f.sendAck(mqtt.PUBACK, id, mqtt.Success)
			if id < ids[3] {
				f.wantPublish()
			}
		}
		synctest.Wait()
		if len(*done) != 5 {
			t.Errorf("%d outcomes", len(*done))
		}
	})
}

// TestReceivedBefore: a QoS 2 message that we had before the connection was lost
// is not handed on again, unless the session is a new one.
func TestReceivedBefore(t *testing.T) {
	for _, present := range []bool{true, false} {
		bubble.Test(t, func(t *testing.T) {
			s := &Session{}
			o := Options{Session: s, Resume: true}
			got := collect(&o)
			m := &mqtt.Message{Topic: "t", QoS: 2, Payload: []byte("x")}
			c, f := login(t, o, mqtt.Connack{})
			f.sendPublish(m, mqtt.Out{PacketID: 4})
			f.wantAck(mqtt.PUBREC, 4, mqtt.Success)
			f.nc.Close()
			c.Wait()
			_, f = login(t, o, mqtt.Connack{SessionPresent: present})
			f.sendPublish(m, mqtt.Out{PacketID: 4, Dup: present})
			f.wantAck(mqtt.PUBREC, 4, mqtt.Success)
			f.sendAck(mqtt.PUBREL, 4, mqtt.Success)
			f.wantAck(mqtt.PUBCOMP, 4, mqtt.Success)
			if want := map[bool]int{true: 1, false: 2}[present]; len(*got) != want {
				t.Errorf("session present %t: the message was handed on %d times, want %d", present, len(*got), want)
			}
		})
	}
}

func TestDiscard(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := &Session{}
		_, done := open(t, s, 2, 1)
		s.Discard()
		s.Discard()
		if len(*done) != 2 || !errors.Is((*done)[0], ErrUnacknowledged) || s.Unacknowledged() != 0 {
			t.Errorf("outcomes %v, %d open", *done, s.Unacknowledged())
		}
	})
}

// TestPacketIDs: no id is given out twice, none is 0, and with all taken there is
// an error and not a search without end.
func TestPacketIDs(t *testing.T) {
	s := &Session{}
	seen := map[uint16]bool{0: true}
	for range 65_535 {
		id, err := s.take(&delivery{m: &Message{QoS: 1}})
		if err != nil || seen[id] {
			t.Fatalf("id %d (%v), given out before: %t", id, err, seen[id])
		}
		seen[id] = true
	}
	if _, err := s.take(nil); err == nil {
		t.Error("a 65,536th id was given out")
	}
	s.acknowledged(mqtt.PUBACK, 1234, mqtt.Success)
	if id, err := s.take(nil); err != nil || id != 1234 {
		t.Errorf("got %d (%v), want the free 1234", id, err)
	}
}

// TestSessionHistories holds a session against a map that does the same.
func TestSessionHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Session
		open := map[uint16]bool{} // the model: ids under way
		told := map[uint16]int{}  // outcomes
		ids := func(t *rapid.T) uint16 { return uint16(rapid.IntRange(1, len(told)+2).Draw(t, "id")) }
		finish := func(d *delivery) {
			if d != nil {
				d.done(mqtt.Success, nil)
			}
		}
		qos := map[uint16]byte{}
		released := map[uint16]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				d := &delivery{m: &Message{QoS: byte(rapid.IntRange(1, 2).Draw(t, "qos"))}}
				id, err := s.take(d)
				if err != nil || open[id] {
					t.Fatalf("id %d (%v), open before: %t", id, err, open[id])
				}
				d.done = func(mqtt.Code, error) { told[id]++ }
				open[id], qos[id], released[id], told[id] = true, d.m.QoS, false, 0
			},
			"puback": func(t *rapid.T) {
				id := ids(t)
				d, _ := s.acknowledged(mqtt.PUBACK, id, 0)
				if want := open[id] && qos[id] == 1; want != (d != nil) {
					t.Fatalf("PUBACK of %d ended something: %t, want %t", id, d != nil, want)
				}
				if finish(d); d != nil {
					open[id] = false
				}
			},
			"pubrec": func(t *rapid.T) {
				id, code := ids(t), rapid.SampledFrom([]mqtt.Code{0, mqtt.QuotaExceeded}).Draw(t, "code")
				d, release := s.acknowledged(mqtt.PUBREC, id, code)
				mine := open[id] && qos[id] == 2
				if ended := mine && code != 0; ended != (d != nil) {
					t.Fatalf("PUBREC of %d with %v ended something: %t, want %t", id, code, d != nil, ended)
				}
				if want := code == 0 && (mine || !open[id]); want != release {
					t.Fatalf("PUBREC of %d with %v: PUBREL %t, want %t", id, code, release, want)
				}
				if finish(d); d != nil {
					open[id] = false
				}
				released[id] = released[id] || mine && code == 0
			},
			"pubcomp": func(t *rapid.T) {
				id := ids(t)
				d, _ := s.acknowledged(mqtt.PUBCOMP, id, 0)
				if want := open[id] && qos[id] == 2; want != (d != nil) {
					t.Fatalf("PUBCOMP of %d ended something: %t, want %t", id, d != nil, want)
				}
				if finish(d); d != nil {
					open[id] = false
				}
			},
			"reconnect": func(t *rapid.T) {
				present := rapid.Bool().Draw(t, "present")
				s.start(present)
				for id := range open {
					if !present && open[id] && released[id] {
						open[id] = false
					}
				}
			},
			"": func(t *rapid.T) {
				n := 0
				for id, is := range open {
					if is {
						n++
					}
					if want := map[bool]int{true: 0, false: 1}[is]; told[id] != want {
						t.Fatalf("id %d, open %t, was told %d outcomes", id, is, told[id])
					}
				}
				if s.Unacknowledged() != n {
					t.Fatalf("%d open, the model says %d", s.Unacknowledged(), n)
				}
				for i, d := range s.pending() {
					if i > 0 && d.id <= s.pending()[i-1].id {
						t.Fatalf("pending is out of order")
					}
				}
			},
		})
	})
}
