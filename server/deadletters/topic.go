package deadletters

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"gridmq/delivery"
	"gridmq/event"
)

// EventType is that of an event whose data is a letter.
const EventType = "GridMQ.EventDeadLettered"

// EventSource is that of an event with a letter.
func EventSource(namespace, topic, subscription string) string {
	return "/" + namespace + "/topics/" + topic + "/eventSubscriptions/" + subscription
}

// A Topic has letters as events: those that one of its event subscriptions is not done
// with. To look takes nothing from its consumers; what was replayed is taken from them.
type Topic struct {
	Queue         *delivery.Queue
	Account, Name string // the storage account that it stands for, and of the topic
	Most          int    // files in one listing
}

var _ Shelf = (*Topic)(nil)

// Close does nothing: the queue is the plane's.
func (t *Topic) Close() error { return nil }

// Files has one for each event; those that are no letters are not mentioned, since the
// topic may have others.
func (t *Topic) Files(ctx context.Context, only Place, _ func(*Skipped)) (files []File, err error) {
	var many error
	err = t.Queue.Browse(ctx, func(w delivery.Waiting) bool {
		f, ok := t.file(&w)
		if !ok || !f.in(only) {
			return true
		}
		if len(files) == t.Most {
			many = &TooManyError{t.Most}
			return false
		}
		files = append(files, f)
		return true
	})
	if err = cmp.Or(err, many); err != nil {
		return nil, err
	}
	slices.SortFunc(files, File.compare)
	return files, nil
}

// file is the event as one; false: it is no letter.
func (t *Topic) file(w *delivery.Waiting) (File, bool) {
	p := strings.Split(w.Event.Source, "/")
	if w.Event.Type != EventType || w.Event.DataKind != event.JSON || len(p) != 6 || w.Event.Source != EventSource(p[1], p[3], p[5]) {
		return File{}, false
	}
	at := strconv.FormatUint(w.At, 10)
	return File{Place: Place{Account: t.Account, Namespace: p[1], Topic: p[3], Subscription: p[5]}, Hour: w.Published.UTC().Truncate(time.Hour),
		Path: t.Account + "/" + t.Name + "/" + at, Size: int64(len(w.Event.Data)), wrote: w.Published}, true
}

// in says whether the file is of a place.
func (f *File) in(only Place) bool {
	have := f.names()
	for i, want := range only.names() {
		if want != "" && !strings.EqualFold(want, have[i]) {
			return false
		}
	}
	return true
}

func (t *Topic) at(f File) (uint64, bool) {
	at, err := strconv.ParseUint(strings.TrimPrefix(f.Path, t.Account+"/"+t.Name+"/"), 10, 64)
	return at, err == nil
}

// Read is a Reader. What somebody has taken meanwhile has no letters.
func (t *Topic) Read(_ context.Context, file File, tell func(Letter) error) error {
	at, ok := t.at(file)
	if !ok {
		return &Skipped{file.Path, "it names no event"}
	}
	w, ok, err := t.Queue.Look(at)
	if err != nil || !ok {
		return err
	}
	l, err := Parse(w.Event.Data)
	if err != nil {
		return &Skipped{file.Path, err.Error()}
	}
	return tell(l)
}

// SetAside takes the event from the event subscription.
func (t *Topic) SetAside(ctx context.Context, file File) error {
	at, ok := t.at(file)
	if !ok {
		return &Skipped{file.Path, "it names no event"}
	}
	return t.Queue.Finish(ctx, at)
}
