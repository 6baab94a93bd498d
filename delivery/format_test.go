package delivery

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"gridmq/delivery/internal/copies"
	"gridmq/event/filter"
	"gridmq/store"
)

func TestTokens(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	mine := newTokens(key, "plant", "Orders", "Billing")
	l := lock{generation: 9, pos: 1 << 40, count: 10}
	text := mine.make(l)
	if got, ok := newTokens(key, "plant", "ORDERS", "billing").read(text); !ok || got != l {
		t.Errorf("read(make(%+v)) = %+v, %v", l, got, ok)
	}
	if strings.ContainsAny(text, "+/=") || len(text) > 512 {
		t.Errorf("token %q", text)
	}
	for name, other := range map[string]*tokens{
		"key":          newTokens(bytes.Repeat([]byte{8}, 32), "plant", "Orders", "Billing"),
		"namespace":    newTokens(key, "plant2", "Orders", "Billing"),
		"topic":        newTokens(key, "plant", "Orders2", "Billing"),
		"subscription": newTokens(key, "plant", "Orders", "Billing2"),
	} {
		if _, ok := other.read(text); ok {
			t.Errorf("a token of another %s passes", name)
		}
	}
	for i := range len(text) {
		b := []byte(text)
		b[i] ^= 1
		if _, ok := mine.read(string(b)); ok {
			t.Errorf("a token with another character at %d passes", i)
		}
	}
}

func FuzzToken(f *testing.F) {
	tokens := newTokens(make([]byte, 32), "n", "t", "s")
	f.Add(tokens.make(lock{1, 2, 3}))
	f.Add("CiYKJDUwNjE4OTU4LTIxYjctNGQ1OC1hMDMyLTk4YmQ3ODAwNDQ3MRIQCAQ=")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if l, ok := tokens.read(text); ok && tokens.make(l) != text {
			t.Errorf("%q is a second text of %+v", text, l)
		}
	})
}

// FuzzDocuments: what is read is written as it was; nothing panics.
func FuzzDocuments(f *testing.F) {
	v, err := compile(filter.Config{IncludedEventTypes: []string{"a"}}, 3)
	if err != nil {
		f.Fatal(err)
	}
	q := &Queue{name: "Q", created: 4, upTo: 5, history: history{v}, book: copies.New(6, copies.Policy{})}
	q.book.Apply(&copies.Change{Op: copies.Lock, At: 9, Until: 10, Items: []copies.Item{{Pos: 3, Published: 8, Count: 1}}})
	f.Add(q.document())
	s := &Stream{name: "T", began: 7}
	s.marks.add(1, 2)
	f.Add(s.document())
	f.Add(append([]byte{journalVersion, 1}, (&copies.Change{Op: copies.Done, Cursor: 2}).Append(nil)...))
	f.Add(append(appendRecordHeader(nil, published, 99), `{}`...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if saved, err := readQueue(b); err == nil {
			q := &Queue{name: saved.name, created: saved.created, upTo: saved.upTo, history: saved.history, book: saved.book}
			if _, err := readQueue(q.document()); err != nil {
				t.Errorf("%x is a subscription, its document is none: %v", b, err)
			}
		}
		if s, err := readTopic(b); err == nil {
			if _, err := readTopic(s.document()); err != nil && s.marks.total < 1<<61 {
				t.Errorf("%x is a topic, its document is none: %v", b, err)
			}
		}
		_, _, _ = readEntry(b)
		if r, err := readRecord(b); err == nil && !bytes.Equal(append(appendRecordHeader(nil, r.kind, r.published), r.body...), b) {
			t.Errorf("%x is a record, written as another", b)
		}
		parseKey(b)
	})
}

func TestKeys(t *testing.T) {
	if ns, n, sub, ok := parseKey(topicKey("plant", 7)); !ok || ns != "plant" || n != 7 || sub != 0 {
		t.Errorf("topic key read as %q %d %d %v", ns, n, sub, ok)
	}
	if ns, n, sub, ok := parseKey(subscriptionKey("plant", 7, 300)); !ok || ns != "plant" || n != 7 || sub != 300 {
		t.Errorf("subscription key read as %q %d %d %v", ns, n, sub, ok)
	}
	if _, _, _, ok := parseKey(tokenKey); ok {
		t.Error("the key of tokens is read as a topic")
	}
}

// Section 13.4.
func TestDeadLetterJSON(t *testing.T) {
	at := time.Date(2026, 3, 2, 7, 41, 9, 452_000_000, time.UTC)
	d := DeadLetter{Letters: []Letter{
		{Reason: "Maximum delivery attempts was exceeded.", Attempts: 10, Result: "Event was not acknowledged nor rejected.",
			Published: at, LastAttempt: at.Add(time.Hour), Properties: []Property{{"tenant", "t-17"}}, Event: newEvent("o-4711")},
		{Reason: "Event time to live was exceeded.", Result: "Event was not delivered.", Published: at, Event: newEvent("b")},
	}}
	got := string(d.AppendJSON(nil))
	want := `[{"deadLetterProperties":{"deadletterreason":"Maximum delivery attempts was exceeded.","deliveryattempts":10,` +
		`"deliveryresult":"Event was not acknowledged nor rejected.","publishutc":"2026-03-02T07:41:09.452Z","deliveryattemptutc":"2026-03-02T08:41:09.452Z"},` +
		`"customDeliveryProperties":{"tenant":"t-17"},"event":{"specversion":"1.0","id":"o-4711","type":"shop.order","source":"/shop","data":{"n":1}}},` +
		`{"deadLetterProperties":{"deadletterreason":"Event time to live was exceeded.","deliveryattempts":0,"deliveryresult":"Event was not delivered.",` +
		`"publishutc":"2026-03-02T07:41:09.452Z"},"event":{"specversion":"1.0","id":"b","type":"shop.order","source":"/shop","data":{"n":1}}}]`
	if got != want || !json.Valid([]byte(got)) {
		t.Errorf("written\n%s\nwant\n%s", got, want)
	}
}

func TestMarks(t *testing.T) {
	m := marks{spacing: 100}
	for pos := range 50 {
		m.add(store.Position(pos+1), 34) // 50 bytes each
	}
	m.cut(21, 50)
	if held := m.held(); held < 1400 || held > 1600 {
		t.Errorf("30 entries of 50 bytes are %d", held)
	}
	if m.cut(51, 50); m.held() != 0 {
		t.Errorf("nothing is %d bytes", m.held())
	}
}
