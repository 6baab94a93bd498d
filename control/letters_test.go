package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gridmq/control"
)

// kept has retained messages, and 25 dead letters of a topic.
type kept struct {
	retained map[string]string
	asked    []control.DeadLetterPlace
	down     bool
}

func (k *kept) RetainedMessages(_ context.Context, _, filter, after string, limit int) (page []control.RetainedMessage, next string, err error) {
	if k.down {
		return nil, "", control.ErrNoMQTT
	}
	names := []string{}
	for name := range k.retained {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name <= after || filter != "#" && filter != name {
			continue
		}
		if len(page) == limit {
			return page, page[limit-1].Topic, nil
		}
		page = append(page, control.RetainedMessage{Topic: name})
	}
	return page, "", nil
}

func (k *kept) RetainedMessage(_ context.Context, _, topic string) (*control.RetainedMessage, error) {
	payload, ok := k.retained[topic]
	if !ok {
		return nil, nil
	}
	return &control.RetainedMessage{Topic: topic, Payload: []byte(payload)}, nil
}

func (k *kept) DeleteRetained(_ context.Context, _, topic string) (existed bool, err error) {
	_, existed = k.retained[topic]
	delete(k.retained, topic)
	return existed, nil
}

func (k *kept) DeadLetters(_ context.Context, _ string, q control.DeadLetterQuery) (page []control.DeadLetter, next string, err error) {
	switch {
	case q.Topic == "many":
		return nil, "", control.ErrTooManyLetters
	case q.Account == "away":
		return nil, "", &control.LettersAwayError{Err: errors.New("status 403")}
	case q.Account != "":
		return nil, "", control.ErrNoAccount
	}
	at := 0
	if q.After != "" {
		if at, err = strconv.Atoi(q.After); err != nil {
			return nil, "", control.ErrBadPlace
		}
	}
	for ; at < 25 && len(page) < q.Limit; at++ {
		page = append(page, control.DeadLetter{Topic: "orders", File: fmt.Sprint("f", at), Event: json.RawMessage(`{"id":"1"}`)})
	}
	if at < 25 {
		next = strconv.Itoa(at)
	}
	return page, next, nil
}

func (k *kept) Accounts(string) []control.DeadLetterAccount {
	return []control.DeadLetterAccount{{Name: "away", Kind: "s3", Containers: []string{"dead"}}}
}

func (k *kept) Replay(_ context.Context, _ string, which control.DeadLetterPlace) (*control.Replayed, error) {
	if which.File == "gone" {
		return nil, control.ErrNoLetters
	}
	k.asked = append(k.asked, which)
	return &control.Replayed{Events: 2, Files: 1}, nil
}

func newKept(t *testing.T) (*bench, *kept) {
	k := &kept{retained: map[string]string{"a/b c": "hello", "ü/+x": "\xff"}}
	for i := range 25 {
		k.retained[fmt.Sprintf("p/%02d", i)] = "x"
	}
	b := newBench(t, func(o *control.Options) { o.Retained, o.DeadLetters = k, k })
	b.furnish()
	return b, k
}

// pages follows the links of a list, and counts its entries.
func (b *bench) pages(path string) (n int) {
	b.t.Helper()
	for path != "" {
		a := b.must(200, "GET "+path, "")
		value, _ := a.at("value").([]any)
		n += len(value)
		path, _ = a.at("nextLink").(string)
		path = strings.TrimPrefix(path, "https://manage.test")
	}
	return n
}

func TestRetained(t *testing.T) {
	b, k := newKept(t)
	const list, one = "/gridmq/namespaces/Plant/retained", "/gridmq/namespaces/plant/retained/message?topic="
	if n := b.pages(list + "?$top=10"); n != 27 {
		t.Errorf("%d retained messages by pages of 10, want 27", n)
	}
	if n := b.pages(list + "?filter=p/07"); n != 1 {
		t.Errorf("%d match a filter, want 1", n)
	}
	if a := b.must(200, "GET "+one+"a%2Fb%20c", "", "Authorization", "Bearer plantreader-token"); a.at("payload") != "aGVsbG8=" {
		t.Errorf("shown: %s", a.text)
	}
	for request, want := range map[string]int{"GET " + one + "nothing": 404, "GET " + one: 400, "GET " + one + "a/%23": 400, "POST " + one + "a": 405,
		"GET " + list + "?filter=a%23": 400, "GET " + list + "?$skipToken=%25": 400, "GET /gridmq/namespaces/other/retained": 404} {
		if a := b.do(request, ""); a.status != want {
			t.Errorf("%s: %d %s, want %d", request, a.status, a.text, want)
		}
	}
	if a := b.do("DELETE "+one+"a%2Fb%20c", "", "Authorization", "Bearer reader-token"); a.status != 403 || k.retained["a/b c"] == "" {
		t.Errorf("a reader deletes: %d %s", a.status, a.text)
	}
	b.must(200, "DELETE "+one+"a%2Fb%20c", "", "Authorization", "Bearer contributor-token")
	b.must(204, "DELETE "+one+"a%2Fb%20c", "")
	if a := b.must(200, "GET /gridmq/audit?$top=100", ""); !strings.Contains(a.text, `"resource":"/gridmq/namespaces/plant/retained/a/b c","result":"Succeeded"`) ||
		!strings.Contains(a.text, `"operator":"reader"`) {
		t.Errorf("the audit log: %s", a.text)
	}
	k.down = true
	if a := b.do("GET "+list, ""); a.status != 409 || !strings.Contains(a.text, "Enabled") {
		t.Errorf("a namespace without MQTT: %d %s", a.status, a.text)
	}
}

func TestDeadLetters(t *testing.T) {
	b, k := newKept(t)
	const list, replay = "/gridmq/namespaces/plant/deadLetters", "POST /gridmq/namespaces/plant/deadLetters/replay"
	if n := b.pages(list + "?$top=10"); n != 25 {
		t.Errorf("%d dead letters by pages of 10, want 25", n)
	}
	for request, want := range map[string]int{"GET " + list + "?topic=many": 400, "GET " + list + "?$skipToken=eHk": 400, "POST " + list: 405,
		"GET " + list + "?account=away": 502, "GET " + list + "?account=none": 404, "GET " + list + "/accounts": 200} {
		if a := b.do(request, ""); a.status != want {
			t.Errorf("%s: %d %s, want %d", request, a.status, a.text, want)
		}
	}
	a := b.must(200, replay, `{"topic":"orders","eventSubscription":"billing"}`, "Authorization", "Bearer contributor-token")
	if want := (control.DeadLetterPlace{Topic: "orders", Subscription: "billing"}); len(k.asked) != 1 || k.asked[0] != want || a.at("refused") == nil {
		t.Errorf("asked %+v, want %+v; answer %s", k.asked, want, a.text)
	}
	for body, want := range map[string]int{`{}`: 400, `{"topic":`: 400, `{"topic":7}`: 400, `{"topic":"orders","file":"gone"}`: 404} {
		if a := b.do(replay, body); a.status != want {
			t.Errorf("replay %s: %d %s, want %d", body, a.status, a.text, want)
		}
	}
	if a := b.do(replay, `{"topic":"orders"}`, "Authorization", "Bearer reader-token"); a.status != 403 || len(k.asked) != 1 {
		t.Errorf("a reader replays: %d %s", a.status, a.text)
	}
	if a := b.must(200, "GET /gridmq/audit?result=Succeeded&$top=100", ""); !strings.Contains(a.text, `"resource":"/gridmq/namespaces/plant/deadLetters/orders/billing"`) {
		t.Errorf("the audit log: %s", a.text)
	}
}
