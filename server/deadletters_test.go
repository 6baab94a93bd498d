package server

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gridmq/delivery"
	"gridmq/delivery/folder"
	"gridmq/event"
	"gridmq/internal/settings"
	"gridmq/server/deadletters"
	"gridmq/store/memory"
)

// Dead letters can be events of another topic; those of such events cannot.
func TestLettersIntoATopic(t *testing.T) {
	st := memory.New(memory.Options{})
	defer st.Close()
	plane, err := delivery.Open(st, delivery.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer plane.Close()
	if err := plane.SetTopic("plant", delivery.Topic{Name: "failed", Retention: delivery.MinRetention}); err != nil {
		t.Fatal(err)
	}
	if err := plane.SetSubscription("plant", "failed", delivery.Subscription{Name: "all", Mode: delivery.Pull, Lock: time.Minute, MaxDeliveryCount: 3}); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	d := &deadLetters{map[string]delivery.DeadLetterSink{"letters": topicOfLetters{&Server{events: plane}, "failed", "", folder.Sink{Root: root}}}, folder.Sink{Root: root}}
	letters := delivery.DeadLetter{Namespace: "plant", Topic: "orders", Subscription: "billing", To: delivery.DeadLetters{ResourceID: "/x/storageAccounts/Letters", Container: "dead"},
		Letters: []delivery.Letter{{Reason: "Event was rejected.", Event: event.Event{ID: "o-1", Source: "/s", Type: "t"}},
			{Reason: "Event was rejected.", Event: event.Event{ID: "o-2", Source: "/s", Type: deadletters.EventType}}}}
	if err := d.Write(t.Context(), letters); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := plane.Stream("plant", "failed").Queue("all").Receive(ctx, 10, 0)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	if e := got[0].Event; e.Type != deadletters.EventType || e.Subject != "o-1" || e.Source != "/plant/topics/orders/eventSubscriptions/billing" ||
		!strings.HasPrefix(string(e.Data), `{"deadLetterProperties":`) {
		t.Errorf("the event is %+v", e)
	}
	files, err := filepath.Glob(filepath.Join(root, "Letters/dead/plant/orders/billing/*/*/*/*/*.json"))
	if err != nil || len(files) != 1 {
		t.Errorf("%d files of what was a dead letter before, %v", len(files), err)
	}
	letters.Namespace = "other"
	if err := d.Write(t.Context(), letters); err == nil || !strings.Contains(err.Error(), `no topic "failed"`) {
		t.Errorf("no such topic: %v", err)
	}
}

func TestCheckDeadLetters(t *testing.T) {
	c := Default()
	c.Events.DeadLetters = map[string]DeadLetters{"a": {Kind: "s3", URL: "https://x", Region: "r"}, "A": {Kind: "topic", Topic: "t"}, "b": {Kind: "ftp"}}
	l := settings.New(&c)
	check(&c, l)
	text := l.Err().Error()
	for _, want := range []string{"events.dead_letters.a.access_key_id", "events.dead_letters.a.secret_file", `case does not count`, "events.dead_letters.b.kind"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nwant %q", text, want)
		}
	}
}
