package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"gridmq/control"
	"gridmq/delivery"
	"gridmq/event"
	"gridmq/server/deadletters"
)

const (
	// letterFiles bounds one look through the folder of dead letters, of which one
	// runs at a time: some 30 MiB.
	letterFiles = 100_000
	// letterBytes bounds a page of letters, but for the last of it.
	letterBytes = 1 << 20
	// replayTime bounds a replay, well below what a management request may take.
	replayTime = 20 * time.Second
	// mostRefused are told of a replay.
	mostRefused = 20
)

// letterOffice implements control.DeadLetterOffice over the folder in the data directory,
// which `gridmq dead-letters` reads too, and over where else letters are.
type letterOffice struct {
	s    *Server
	disk chan struct{} // holds one while nobody is at it
	away chan struct{} // the same, of the other places: a slow one does not hold up the disk
}

func newLetterOffice(s *Server) *letterOffice {
	o := &letterOffice{s, make(chan struct{}, 1), make(chan struct{}, 1)}
	o.disk <- struct{}{}
	o.away <- struct{}{}
	return o
}

// look calls do with a shelf and its files of which, the oldest first; not if no letter
// was ever written. One caller does so at a time.
func (o *letterOffice) look(ctx context.Context, namespace string, which control.DeadLetterPlace, do func(deadletters.Shelf, []deadletters.File) error) error {
	turn := o.disk
	if which.Account != "" {
		turn = o.away
	}
	select {
	case <-turn:
		defer func() { turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	shelf, only, err := o.shelf(namespace, which)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer shelf.Close()
	files, err := shelf.Files(ctx, only, o.skip)
	if _, many := errors.AsType[*deadletters.TooManyError](err); many {
		return control.ErrTooManyLetters
	}
	if err != nil && which.Account != "" && ctx.Err() == nil {
		return &control.LettersAwayError{Err: err}
	}
	if err != nil {
		return err
	}
	if which.File != "" {
		files = slices.DeleteFunc(files, func(f deadletters.File) bool { return f.Path != which.File })
	}
	return do(shelf, files)
}

func (o *letterOffice) skip(s *deadletters.Skipped) {
	o.s.log.Debug("file left out of dead letters", "path", s.Path, "reason", s.Reason)
}

// unreadable is told of a file that cannot be read, and is left out.
func (o *letterOffice) unreadable(file deadletters.File, err error) {
	if !errors.Is(err, fs.ErrNotExist) { // else somebody has set it aside
		o.s.log.Warn("dead letters not read", "path", file.Path, "err", err)
	}
}

// away says whether an error is about all of a shelf that is not our disk, not one file.
func away(f deadletters.Shelf, err error) bool {
	_, disk := f.(*deadletters.Folder)
	_, skipped := errors.AsType[*deadletters.Skipped](err)
	return err != nil && !disk && !skipped && !errors.Is(err, fs.ErrNotExist)
}

// DeadLetters implements control.DeadLetterOffice.
func (o *letterOffice) DeadLetters(ctx context.Context, namespace string, q control.DeadLetterQuery) (page []control.DeadLetter, next string, err error) {
	err = o.look(ctx, namespace, q.DeadLetterPlace, func(f deadletters.Shelf, files []deadletters.File) (err error) {
		page, next, err = o.page(ctx, f, files, q.After, q.Limit)
		for i := range page {
			page[i].Account = q.Account
		}
		return err
	})
	return page, next, err
}

// page lists letters, the newest first, from after on: how many letters of a file are left,
// and where among the files it is.
func (o *letterOffice) page(ctx context.Context, f deadletters.Shelf, files []deadletters.File, after string, limit int) (page []control.DeadLetter, next string, err error) {
	text, mark, _ := strings.Cut(after, " ")
	left := 0
	if after != "" {
		var ok bool
		if left, err = strconv.Atoi(text); err != nil {
			return nil, "", control.ErrBadPlace
		}
		if files, ok = deadletters.Before(files, mark); !ok {
			return nil, "", control.ErrBadPlace
		}
	}
	size := 0
	for _, file := range slices.Backward(files) {
		before := -1
		if file.Mark() == mark {
			before = left
		}
		for before != 0 {
			if len(page) == limit || size > letterBytes {
				return page, fmt.Sprintf("%d %s", before, file.Mark()), nil
			}
			t, err := deadletters.Reader(f.Read).Newest(ctx, file, before, limit-len(page), letterBytes-size)
			if cause := context.Cause(ctx); cause != nil {
				return nil, "", cause
			}
			if away(f, err) {
				return nil, "", &control.LettersAwayError{Err: err}
			}
			if err != nil {
				o.unreadable(file, err)
				break
			}
			for i := len(t.Letters) - 1; i >= 0; i-- {
				size += len(t.Letters[i].Event)
				page = append(page, shownLetter(file, &t.Letters[i], t.Of))
			}
			before = t.First
		}
	}
	return page, "", nil
}

func shownLetter(file deadletters.File, l *deadletters.Letter, together int) control.DeadLetter {
	return control.DeadLetter{Topic: file.Topic, Subscription: file.Subscription, File: file.Path, Together: together, Hour: file.Hour,
		Reason: l.Reason, Attempts: l.Attempts, Result: l.Result, Published: l.Published, LastAttempt: l.LastAttempt, Event: l.Event}
}

// Replay implements control.DeadLetterOffice.
func (o *letterOffice) Replay(ctx context.Context, namespace string, which control.DeadLetterPlace) (*control.Replayed, error) {
	out := &control.Replayed{}
	found := false
	err := o.look(ctx, namespace, which, func(f deadletters.Shelf, files []deadletters.File) error {
		found = len(files) > 0
		return o.replay(ctx, namespace, f, files, out)
	})
	if err == nil && !found && which.File != "" {
		err = control.ErrNoLetters
	}
	return out, err
}

func (o *letterOffice) replay(ctx context.Context, namespace string, f deadletters.Shelf, files []deadletters.File, out *control.Replayed) error {
	enough := time.Now().Add(replayTime)
	r := deadletters.Replay{
		SetAside: f.SetAside,
		Read:     f.Read, Unreadable: o.unreadable,
		Publish: func(ctx context.Context, topic string, list []json.RawMessage) error {
			if time.Now().After(enough) {
				return errEnough
			}
			return o.publish(ctx, namespace, topic, list)
		},
		Refused: func(file deadletters.File, err error) {
			if len(out.Refused) < mostRefused {
				out.Refused = append(out.Refused, control.Refused{File: file.Path, Topic: file.Topic, Reason: err.Error()})
			}
		},
	}
	err := r.Run(ctx, files)
	out.Events, out.Files = r.Events(), r.Files()
	switch {
	case errors.Is(err, delivery.ErrBacklog):
		out.Refused = append(out.Refused, control.Refused{Topic: files[0].Topic,
			Reason: "The topic keeps as many bytes as it may: its event subscriptions must catch up first."})
	case err != nil && !errors.Is(err, errEnough):
		if aside, ok := errors.AsType[*deadletters.SetAsideError](err); ok && away(f, err) {
			err = &control.LettersAwayError{Err: fmt.Errorf("%d events were published, the last of them from letters that are still there, and come again with the next replay: %w", r.Events(), aside.Err)}
		}
		return err
	}
	if err != nil {
		out.Left = len(files) - r.Files() - r.Stayed()
	}
	return nil
}

// errEnough ends a replay that has taken its time.
var errEnough = errors.New("the replay has taken its time")

// publish is deadletters.Replay.Publish, with the checks of the data plane.
func (o *letterOffice) publish(ctx context.Context, namespace, topic string, list []json.RawMessage) error {
	stream := o.s.events.Stream(namespace, topic)
	if stream == nil {
		return &deadletters.Refusal{Gone: true, Err: fmt.Errorf("there is no topic %q any more: make it again, and replay then", topic)}
	}
	events := make([]event.Event, len(list))
	for i, raw := range list {
		e, err := event.Read(raw, event.Limits{})
		if err != nil {
			return &deadletters.Refusal{Err: err}
		}
		events[i] = e
	}
	err := stream.Publish(ctx, events)
	if errors.Is(err, delivery.ErrGone) {
		return &deadletters.Refusal{Gone: true, Err: err}
	}
	return err
}
