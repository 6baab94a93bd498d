package eventtopic

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"gridmq/identity"
)

func TestRead(t *testing.T) {
	tests := map[string]struct {
		name, body string
		days       int
		faults     string // fields, in order
	}{
		"nothing said":           {"orders", `{}`, 1, ""},
		"null":                   {"orders", `{"properties":null}`, 1, ""},
		"all said":               {"orders", `{"properties":{"publisherType":"custom","inputSchema":"cloudeventschemav1_0","eventRetentionInDays":7}}`, 7, ""},
		"names ignore case":      {"orders", `{"Properties":{"EVENTRETENTIONINDAYS":3}}`, 3, ""},
		"unknown members":        {"orders", `{"location":"local","properties":{"later":[1],"provisioningState":"Failed"}}`, 1, ""},
		"too long":               {"orders", `{"properties":{"eventRetentionInDays":8}}`, 0, "eventRetentionInDays"},
		"too short":              {"orders", `{"properties":{"eventRetentionInDays":0}}`, 0, "eventRetentionInDays"},
		"half a day":             {"orders", `{"properties":{"eventRetentionInDays":1.5}}`, 0, "eventRetentionInDays"},
		"all faults at once":     {"a", `{"properties":{"publisherType":"Partner","inputSchema":"EventGridSchema","eventRetentionInDays":"1"}}`, 0, "name publisherType inputSchema eventRetentionInDays"},
		"reserved":               {"systemlog", `{}`, 0, "name"},
		"reserved, in any case":  {"EventGridX", `{}`, 0, "name"},
		"properties of any kind": {"orders", `{"properties":[]}`, 0, ""},
	}
	for name, one := range tests {
		t.Run(name, func(t *testing.T) {
			topic, err := Read(one.name, []byte(one.body))
			var fields []string
			for _, f := range identity.FieldErrors(err) {
				fields = append(fields, f.Field)
			}
			switch got := strings.Join(fields, " "); {
			case one.days == 0 && (err == nil || got != one.faults):
				t.Errorf("faults of %q, %v; want %q", got, err, one.faults)
			case one.days > 0 && (err != nil || topic.Retention != time.Duration(one.days)*day):
				t.Errorf("%+v, %v; want %d days", topic, err, one.days)
			}
		})
	}
}

func TestKeysAreStoredAndNotShown(t *testing.T) {
	topic, err := Read("orders", []byte(`{"keys":{"key1":"mine"},"properties":{}}`))
	if err != nil || topic.Keys[0] != "" {
		t.Fatalf("a request brought keys: %v", err)
	}
	_ = topic.Replaces(nil)
	keys := topic.Keys
	if keys[0] == "" || keys[0] == keys[1] || bytes.Contains(topic.Encode(), []byte(keys[0])) {
		t.Error("want two keys, which are not shown")
	}
	loaded, err := Load("orders", topic.EncodeStored())
	if err != nil || loaded.Keys != keys {
		t.Errorf("the keys did not survive: %v", err)
	}
	next, _ := Read("orders", []byte(`{}`))
	if _ = next.Replaces(loaded); next.Keys != keys {
		t.Error("a PUT has changed the keys")
	}
	if other := loaded.WithNewKey(1); other.Keys[0] != keys[0] || other.Keys[1] == keys[1] || loaded.Keys != keys {
		t.Error("want the second key anew, in a copy")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"properties":{"eventRetentionInDays":3}}`))
	f.Add([]byte(`{"properties":{"inputSchema":null},"keys":{"key1":7}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		topic, err := Read("orders", body)
		if err != nil {
			return
		}
		again, err := Load("orders", topic.EncodeStored())
		if err != nil || again.Retention != topic.Retention {
			t.Errorf("%q is read as %v and then as %v, %v", body, topic, again, err)
		}
	})
}
