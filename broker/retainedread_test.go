package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridmq/mqtt"
	"gridmq/store/faulty"
	"gridmq/topic"
)

// list reads all pages.
func (h *house) list(filter string, page int) (topics []string) {
	h.t.Helper()
	after := ""
	for {
		found, more, err := h.b.RetainedList(context.Background(), "test", filter, after, page)
		if err != nil {
			h.t.Fatalf("list: %v", err)
		}
		if len(found) > page || more && len(found) < page {
			h.t.Fatalf("a page of %d has %d, and there are more: %v", page, len(found), more)
		}
		for _, m := range found {
			topics = append(topics, m.Topic)
			after = m.Topic
		}
		if !more {
			return topics
		}
	}
}

// byLevels is the order of a list.
func byLevels(a, b string) int { return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/")) }

// What is listed is what matches, in order, whatever the size of the pages.
func TestRetainedListModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := build(t)
		defer h.close()
		name := rapid.StringMatching(`[ab$-]{0,2}(/[ab-]{0,2}){0,2}`).Filter(func(s string) bool { return topic.ValidName(s) == nil })
		var want []string
		names := rapid.SliceOfNDistinct(name, 0, 30, rapid.ID).Draw(t, "names")
		filter := rapid.SampledFrom([]string{"#", "+", "a/#", "+/b", "a/+/b", "a"}).Draw(t, "filter")
		for _, n := range names {
			if h.post(Post{Topic: n, Retain: true, Payload: []byte(n)}) != mqtt.Success {
				t.Fatalf("%q refused", n)
			}
			if topic.Match(filter, n) {
				want = append(want, n)
			}
		}
		slices.SortFunc(want, byLevels)
		if got := h.list(filter, rapid.IntRange(1, 5).Draw(t, "page")); !slices.Equal(got, want) {
			t.Fatalf("%s: %q, want %q", filter, got, want)
		}
	})
}

// A message is read as it was published, from memory and from the store; expired ones
// and removed ones are not there.
func TestRetainedRead(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		for i := range 3 {
			p := Post{Topic: fmt.Sprint("a/", i), QoS: 1, Retain: true, Payload: []byte("x")}
			p.Properties.MessageExpiryInterval = 60
			p.Properties.Mark(mqtt.PropMessageExpiryInterval)
			if i > 0 {
				p.Properties = withContentType("text/plain")
			}
			h.post(p)
		}
		published := time.Now().UnixMilli()
		h.post(Post{Topic: "a/1", Retain: true})
		for _, cached := range []bool{true, false} {
			m, err := h.b.Retained("test", "a/2")
			if err != nil || m == nil || m.QoS != 1 || string(m.Payload) != "x" || m.Published != published || m.Expires != 0 {
				t.Fatalf("cached %v: %+v, %v", cached, m, err)
			}
			if p, err := m.Properties(); err != nil || p.ContentType != "text/plain" {
				t.Errorf("properties %+v, %v", p, err)
			}
			if m, err := h.b.Retained("test", "a/0"); err != nil || m.Expires != published+60_000 {
				t.Errorf("%+v, %v", m, err)
			}
			e, _ := h.ns().retained.names.Get("a/2")
			e.msg.Store(nil)
		}
		if m, err := h.b.Retained("test", "a/1"); m != nil || err != nil {
			t.Errorf("removed: %+v, %v", m, err)
		}
		if got := h.list("#", 1); !slices.Equal(got, []string{"a/0", "a/2"}) {
			t.Errorf("%q", got)
		}
		h.st.Fail(faulty.Submit, errors.New("no")) // its removal does not come through
		time.Sleep(time.Minute)
		if m, err := h.b.Retained("test", "a/0"); m != nil || err != nil {
			t.Errorf("expired: %+v, %v", m, err)
		}
		if got := h.list("#", 1); !slices.Equal(got, []string{"a/2"}) {
			t.Errorf("%q", got)
		}
		h.st.Heal()
	})
}

// What cannot be read is an error, not "there is none".
func TestRetainedUnreadable(t *testing.T) {
	h := newHouse(t)
	h.post(Post{Topic: "a", Retain: true, Payload: []byte("x")})
	e, _ := h.ns().retained.names.Get("a")
	e.msg.Store(nil)
	broken := errors.New("broken")
	h.st.Fail(faulty.Get, broken)
	if _, err := h.b.Retained("test", "a"); !errors.Is(err, broken) {
		t.Errorf("get: %v", err)
	}
	if _, _, err := h.b.RetainedList(t.Context(), "test", "#", "", 1); !errors.Is(err, broken) {
		t.Errorf("list: %v", err)
	}
	h.st.Heal()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := h.b.RetainedList(ctx, "test", "#", "", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if _, err := h.b.Retained("nowhere", "a"); !errors.Is(err, ErrDisabled) {
		t.Errorf("nowhere: %v", err)
	}
}
