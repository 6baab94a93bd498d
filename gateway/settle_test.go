package gateway

import (
	"encoding/json"
	"slices"
	"testing"

	"gridmq/delivery"
)

func TestObservations(t *testing.T) {
	h := newHouse(t)
	h.do(h.ask(publishPath, order))
	if o := h.last(); o.Operation != Publish || o.Namespace != "Plant" || o.Topic != "Orders" || o.Subscription != "" || o.Succeeded != 1 || o.Failed != 0 || o.Caller != "key" || o.From.String() != "192.0.2.7" || o.Code != "" {
		t.Errorf("observed %+v", o)
	}
	h.topic.queues["billing"].put(delivery.Delivery{Event: readEvent(t, order), LockToken: "a", Count: 1})
	h.do(h.ask(receivePath+"&maxEvents=7", ""))
	if o := h.last(); o.Operation != Receive || o.Subscription != "Billing" || o.Succeeded != 1 || o.Failed != 0 {
		t.Errorf("observed %+v", o)
	}
	h.do(h.ask(ackPath, `{"lockTokens":["a","bad","lost"]}`))
	if o := h.last(); o.Operation != Acknowledge || o.Succeeded != 1 || o.Failed != 2 {
		t.Errorf("observed %+v", o)
	}
	h.topic.queues["billing"].err = delivery.ErrClosed
	h.do(h.ask(receivePath+"&maxEvents=7", ""))
	if o := h.last(); o.Succeeded != 0 || o.Failed != 7 || o.Code != "ServerBusy" {
		t.Errorf("observed %+v", o)
	}
	h.do(h.ask("/topics/secret:publish?"+version, order))
	if o := h.last(); o.Topic != "" || o.Failed != 1 {
		t.Errorf("a topic that does not exist is a label: %+v", o)
	}
}

// What is answered is JSON with both arrays, and names each token once.
func FuzzSettlement(f *testing.F) {
	f.Add([]byte(`{"lockTokens":["a","bad","a","lost"]}`))
	f.Add([]byte(`{"locktokens":[]}`))
	f.Add([]byte(`{"lockTokens":["\ud800","\u0000"],"x":[[[]]]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		tokens, bad := readTokens(body)
		if bad != nil {
			return
		}
		list, _ := new(fakeQueue).settle(tokens)
		var doc struct {
			Succeeded []string `json:"succeededLockTokens"`
			Failed    []struct {
				LockToken string
				Error     struct{ Code, Message string }
				ErrorCode string
			} `json:"failedLockTokens"`
		}
		if err := json.Unmarshal(appendSettlements(nil, list, true), &doc); err != nil || doc.Succeeded == nil || doc.Failed == nil {
			t.Fatalf("%s is answered with %s: %v", body, appendSettlements(nil, list, true), err)
		}
		all := slices.Clone(doc.Succeeded)
		for _, one := range doc.Failed {
			if all = append(all, one.LockToken); one.Error.Code == "" || one.ErrorCode != one.Error.Code || one.Error.Message == "" {
				t.Errorf("%+v", one)
			}
		}
		slices.Sort(all)
		slices.Sort(tokens)
		if !slices.Equal(all, tokens) || len(slices.Compact(all)) != len(tokens) {
			t.Errorf("asked %q, answered %q", tokens, all)
		}
	})
}
