package deadletters

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
)

// Bounds of one publish (spec/namespace-topics.md, section 6), with some room for what
// is around the events.
const (
	mostPublished  = 1000
	largestPublish = 1<<20 - 4096 // bytes
)

// A Refusal is a publish that the broker will never take, and what that is about. Any
// other error ends a replay, which can go on later.
type Refusal struct {
	Err  error
	Gone bool // there is no such topic; else it is one of the events
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// A Replay publishes letters again, and sets their files aside once the broker has all
// their events on disk. What happens between the two is published twice by the next one.
type Replay struct {
	// Publish publishes all events of a list or none: durable when it returns. Its
	// bounds are those of the data plane. Errors: *Refusal, and others.
	Publish func(ctx context.Context, topic string, list []json.RawMessage) error
	// Read reads the letters of a file. A file that cannot be read is left out.
	Read Reader
	// Unreadable is told of such a file.
	Unreadable func(File, error)
	// SetAside is that of where the files are.
	SetAside func(context.Context, File) error
	// Refused is told what stays where it is: a file, or all of a topic (the Path of
	// the file is empty then).
	Refused func(File, error)

	files, events atomic.Int64
	refused       int    // files
	gone          string // the last topic that there is none of
}

// A SetAsideError says that letters were published, and that the file is still there:
// the next replay publishes them again.
type SetAsideError struct{ Err error }

func (e *SetAsideError) Error() string { return e.Err.Error() }
func (e *SetAsideError) Unwrap() error { return e.Err }

// Files are how many were published and set aside, Events what was in them. They may be
// asked for while it runs.
func (r *Replay) Files() int { return int(r.files.Load()) }

// Events: see Files.
func (r *Replay) Events() int { return int(r.events.Load()) }

// Stayed are how many files were refused.
func (r *Replay) Stayed() int { return r.refused }

// A pile is files that are published at once.
type pile struct {
	topic string
	files []File
	list  []json.RawMessage
	size  int
}

// Run replays files, topic by topic, each in their order. An error says that it ended
// before it was through.
func (r *Replay) Run(ctx context.Context, files []File) error {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b File) int { return strings.Compare(a.Topic, b.Topic) })
	var p pile
	for _, file := range files {
		next, large, err := r.pileOf(ctx, file)
		if err != nil {
			return err
		}
		if len(p.files) > 0 && (large || p.topic != next.topic || len(p.list)+len(next.list) > mostPublished || p.size+next.size > largestPublish) {
			if err := r.send(ctx, p); err != nil {
				return err
			}
			p = pile{}
		}
		if large {
			if err := r.sendLarge(ctx, file); err != nil {
				return err
			}
			continue
		}
		if len(next.list) > 0 {
			p = pile{next.topic, append(p.files, file), append(p.list, next.list...), p.size + next.size}
		}
	}
	return r.send(ctx, p)
}

// pileOf reads a file, and keeps its events unless they are more than one publish takes.
// All of it is read in any case: a file that is not as it should be is not begun. One
// that cannot be read makes an empty pile.
func (r *Replay) pileOf(ctx context.Context, file File) (p pile, large bool, err error) {
	p = pile{topic: file.Topic, files: []File{file}}
	err = r.Read(ctx, file, func(l Letter) error {
		p.size += len(l.Event) + 1
		if p.size > largestPublish {
			p.list, large = nil, true
		} else {
			p.list = append(p.list, l.Event)
		}
		return nil
	})
	if err == nil {
		return p, large, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return pile{}, false, cause
	}
	r.Unreadable(file, err)
	return pile{topic: file.Topic}, false, nil
}

// send publishes a pile and sets its files aside. A publish is all or nothing: when the
// broker refuses an event, the files go one by one, and those it is not about succeed.
func (r *Replay) send(ctx context.Context, p pile) error {
	if len(p.files) == 0 {
		return nil
	}
	if p.topic == r.gone {
		r.refused += len(p.files)
		return nil
	}
	return r.settle(ctx, p, len(p.list), r.inParts(ctx, p))
}

// settle does what follows from a publish of all events of a pile.
func (r *Replay) settle(ctx context.Context, p pile, events int, err error) error {
	refusal, refused := errors.AsType[*Refusal](err)
	switch {
	case refused && refusal.Gone:
		r.gone = p.topic
		r.refused += len(p.files)
		r.Refused(File{Place: Place{Topic: p.topic}}, err)
		return nil
	case refused && len(p.files) > 1:
		return r.oneByOne(ctx, p)
	case refused:
		r.refused++
		r.Refused(p.files[0], err)
		return nil
	case err != nil:
		return err
	}
	for _, file := range p.files {
		if err := r.SetAside(ctx, file); err != nil {
			return &SetAsideError{err}
		}
		r.files.Add(1)
	}
	r.events.Add(int64(events))
	return nil
}

// sendLarge publishes a file as it is read, which has been read once and found good: no
// more of it is in memory than one publish has.
func (r *Replay) sendLarge(ctx context.Context, file File) error {
	if file.Topic == r.gone {
		r.refused++
		return nil
	}
	events := 0
	p := pile{topic: file.Topic, files: []File{file}}
	publish := func() error {
		if err := r.inParts(ctx, p); err != nil {
			return err
		}
		events += len(p.list)
		p.list, p.size = nil, 0
		return nil
	}
	err := r.Read(ctx, file, func(l Letter) error {
		if size := len(l.Event) + 1; len(p.list) == mostPublished || p.size+size > largestPublish {
			if err := publish(); err != nil {
				return err
			}
		}
		p.list, p.size = append(p.list, l.Event), p.size+len(l.Event)+1
		return nil
	})
	if err == nil {
		err = publish()
	}
	return r.settle(ctx, p, events, err)
}

func (r *Replay) oneByOne(ctx context.Context, p pile) error {
	for _, file := range p.files {
		one, large, err := r.pileOf(ctx, file)
		if err != nil {
			return err
		}
		if large || len(one.list) == 0 {
			continue // somebody else has set it aside or exchanged it meanwhile
		}
		if err := r.send(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// inParts publishes what is more than one request may have in several.
func (r *Replay) inParts(ctx context.Context, p pile) error {
	for rest := p.list; len(rest) > 0; {
		n, size := 1, len(rest[0])+1
		for n < min(len(rest), mostPublished) && size+len(rest[n])+1 <= largestPublish {
			size += len(rest[n]) + 1
			n++
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := r.Publish(ctx, p.topic, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}
