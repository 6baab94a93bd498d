package broker

import (
	"context"
	"errors"
	"testing"

	"gridmq/mqtt"
)

// A retained message that an operator deletes is gone for new subscribers and after a
// restart; those who are there are told nothing.
func TestDeleteRetained(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		here := h.watch("a/#")
		for _, name := range []string{"a/b", "a/c"} {
			if code := h.post(Post{Topic: name, QoS: 1, Retain: true, Payload: []byte("1")}); code != mqtt.Success {
				t.Fatalf("%s refused: %v", name, code)
			}
			here.receive()
		}
		for _, want := range []bool{true, false} {
			if existed, err := h.b.DeleteRetained(context.Background(), "test", "a/b"); existed != want || err != nil {
				t.Errorf("deleted: existed %v, %v; want %v", existed, err, want)
			}
		}
		if got := h.list("#", 10); len(got) != 1 || got[0] != "a/c" {
			t.Errorf("left are %q, want a/c", got)
		}
		if code := h.post(Post{Topic: "a/d", QoS: 1, Payload: []byte("after")}); code != mqtt.Success {
			t.Fatal("refused")
		}
		if m := here.receive(); m.Topic != "a/d" {
			t.Errorf("the subscriber got %+v, want nothing of the deletion", *m)
		}
		h.crash()
		if got := h.list("#", 10); len(got) != 1 || got[0] != "a/c" {
			t.Errorf("after a restart there are %q, want a/c", got)
		}
		if _, err := h.b.DeleteRetained(context.Background(), "nowhere", "a/c"); !errors.Is(err, ErrDisabled) {
			t.Errorf("no such namespace: %v", err)
		}
		h.settled()
	})
}
