package server

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gridmq/control"
	"gridmq/delivery"
	"gridmq/delivery/bucket/buckettest"
	"gridmq/event"
	"gridmq/server/deadletters"
)

// awayOffice has accounts beside the disk, and so many files of two letters in each: a
// bucket of either kind, and a topic.
func awayOffice(t *testing.T, files int) (*letterOffice, *delivery.Plane, *buckettest.Store) {
	t.Helper()
	o, plane := newOffice(t, 1)
	store := buckettest.New(t)
	key := filepath.Join(t.TempDir(), "key")
	write(t, key, "sv=1&sig=abc")
	o.s.cfg.Events.DeadLetters = map[string]DeadLetters{
		"archive": {Kind: "s3", URL: store.URL, Region: "r", AccessKeyID: "k", SecretFile: key},
		"blobs":   {Kind: "azure-blob", URL: store.URL, SASFile: key},
		"failed":  {Kind: "topic", Topic: "failed", Subscription: "all"},
		"unread":  {Kind: "topic", Topic: "failed"},
	}
	var err error
	if o.s.letters, err = o.s.newDeadLetters(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(plane.SetTopic("plant", delivery.Topic{Name: "failed", Retention: delivery.MinRetention}),
		plane.SetSubscription("plant", "failed", delivery.Subscription{Name: "all", Lock: time.Minute, MaxDeliveryCount: 3})); err != nil {
		t.Fatal(err)
	}
	for account := range o.s.cfg.Events.DeadLetters {
		name := "to-" + account
		to := delivery.DeadLetters{ResourceID: "/storageAccounts/" + account, Container: account + "-dead"}
		if err := plane.SetSubscription("plant", "orders", delivery.Subscription{Name: name, Lock: time.Minute, MaxDeliveryCount: 3, DeadLetters: &to}); err != nil {
			t.Fatal(err)
		}
		for i := range files {
			d := delivery.DeadLetter{Namespace: "plant", Topic: "orders", Subscription: name, To: to}
			for j := range 2 {
				d.Letters = append(d.Letters, delivery.Letter{Reason: "Event was rejected.", Attempts: 1, Published: time.Unix(1e9, 0), Event: event.Event{ID: fmt.Sprintf("%02d-%d", i, j), Source: "/s", Type: "t"}})
			}
			if err := o.s.letters.Write(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	return o, plane, store
}

// away lists all letters of an account, by pages of three.
func awayLetters(t *testing.T, o *letterOffice, place control.DeadLetterPlace) (all []control.DeadLetter) {
	t.Helper()
	q := control.DeadLetterQuery{DeadLetterPlace: place, Limit: 3}
	for {
		page, next, err := o.DeadLetters(t.Context(), "plant", q)
		if err != nil {
			t.Fatalf("%+v: %v", place, err)
		}
		all = append(all, page...)
		if q.After = next; next == "" {
			return all
		}
	}
}

// Letters of buckets and of a topic are listed page by page, once each, and published
// again: then they are not listed any more.
func TestLettersAway(t *testing.T) {
	const files = 5
	for _, account := range []string{"archive", "blobs", "failed"} {
		t.Run(account, func(t *testing.T) {
			o, plane, store := awayOffice(t, files)
			of := control.DeadLetterPlace{Account: account, Topic: "ORDERS", Subscription: "to-" + account}
			list := awayLetters(t, o, of)
			seen := map[string]bool{}
			for _, l := range list {
				if seen[string(l.Event)] = true; l.Account != account || l.Topic != "orders" || l.Subscription != of.Subscription || l.Reason != "Event was rejected." {
					t.Errorf("letter %+v", l)
				}
			}
			if len(list) != 2*files || len(seen) != 2*files {
				t.Fatalf("%d letters, %d of them different, want %d", len(list), len(seen), 2*files)
			}
			if n := len(awayLetters(t, o, control.DeadLetterPlace{Account: account})); n < 2*files {
				t.Errorf("%d letters of all topics", n)
			}
			one := of
			one.File = list[0].File
			r, err := o.Replay(t.Context(), "plant", one)
			if err != nil || r.Events != list[0].Together || r.Files != 1 {
				t.Fatalf("one file: %+v, %v", r, err)
			}
			if _, err := o.Replay(t.Context(), "plant", one); !errors.Is(err, control.ErrNoLetters) {
				t.Errorf("again: %v", err)
			}
			if r, err = o.Replay(t.Context(), "plant", of); err != nil || r.Events != 2*files-list[0].Together || r.Left != 0 || len(r.Refused) != 0 {
				t.Errorf("the rest: %+v, %v", r, err)
			}
			if n := len(awayLetters(t, o, of)); n != 0 {
				t.Errorf("%d letters are left", n)
			}
			got, err := plane.Stream("plant", "orders").Queue("billing").Receive(t.Context(), 100, 0)
			if err != nil || len(got) != 2*files {
				t.Errorf("%d events were published, %v; want %d", len(got), err, 2*files)
			}
			if names := store.Names(); account != "failed" && !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, account) && strings.Contains(n, "/replayed/") }) {
				t.Errorf("objects %q, want some set aside", names)
			}
		})
	}
}

// What a place does not give is told, with what to do.
func TestLettersAwayFail(t *testing.T) {
	o, plane, store := awayOffice(t, 1)
	for account, want := range map[string]string{"unread": "name one of its event subscriptions", "none": control.ErrNoAccount.Error()} {
		_, _, err := o.DeadLetters(t.Context(), "plant", control.DeadLetterQuery{DeadLetterPlace: control.DeadLetterPlace{Account: account}, Limit: 1})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("of %s: %v, want %q", account, err, want)
		}
	}
	of := control.DeadLetterPlace{Account: "archive", Topic: "orders"}
	store.Refuse(http.MethodDelete)
	_, err := o.Replay(t.Context(), "plant", of)
	if away, ok := errors.AsType[*control.LettersAwayError](err); !ok || !strings.Contains(away.Error(), "come again with the next replay") || !strings.Contains(away.Error(), "AccessDenied") {
		t.Errorf("no right to delete: %v", err)
	}
	store.Refuse(http.MethodGet)
	if _, err := o.Replay(t.Context(), "plant", of); err == nil || !strings.Contains(err.Error(), `403, "AccessDenied"`) {
		t.Errorf("no right to list: %v", err)
	}
	store.Refuse()
	if err := plane.DeleteSubscription("plant", "orders", "to-archive"); err != nil {
		t.Fatal(err)
	}
	if n := len(awayLetters(t, o, of)); n != 0 {
		t.Errorf("%d letters in containers that nobody names", n)
	}
	of.Container = "archive-dead"
	if n := len(awayLetters(t, o, of)); n != 2 {
		t.Errorf("%d letters in a container that is asked for, want 2", n)
	}
	store.Put("archive-dead/plant/orders/x/2026/2/30/7/a.json", "[]", time.Now())
	store.Put("archive-dead/plant/orders/x/2026/2/3/7/a.json", "{", time.Now())
	if n := len(awayLetters(t, o, of)); n != 2 {
		t.Errorf("%d letters beside what is none, want 2", n)
	}
	list := o.Accounts("plant")
	if len(list) != 4 || list[1].Name != "blobs" || list[1].Kind != "azure-blob" || !slices.Equal(list[1].Containers, []string{"blobs-dead"}) || list[2].Topic != "failed" {
		t.Errorf("accounts %+v", list)
	}
	b := &deadletters.Bucket{Store: o.s.letters.account("blobs").(lettersInBucket).Sink, Account: "blobs", Containers: []string{"blobs-dead"}, Most: 0}
	if _, err := b.Files(t.Context(), deadletters.Place{Namespace: "plant"}, nil); err == nil || !strings.Contains(err.Error(), "more than 0 files") {
		t.Errorf("more than there may be: %v", err)
	}
}
