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
	// Read reads the letters of a file; none: it is left out.
	Read func(File) []Letter
	// SetAside is Folder.SetAside.
	SetAside func(File) error
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
		letters := r.Read(file)
		if len(letters) == 0 {
			continue
		}
		next := pile{topic: file.Topic, files: []File{file}}
		for _, l := range letters {
			next.list = append(next.list, l.Event)
			next.size += len(l.Event) + 1
		}
		if len(p.files) > 0 && (p.topic != next.topic || len(p.list)+len(next.list) > mostPublished || p.size+next.size > largestPublish) {
			if err := r.send(ctx, p); err != nil {
				return err
			}
			p = pile{}
		}
		p = pile{next.topic, append(p.files, next.files...), append(p.list, next.list...), p.size + next.size}
	}
	return r.send(ctx, p)
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
	err := r.inParts(ctx, p)
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
		if err := r.SetAside(file); err != nil {
			return &SetAsideError{err}
		}
		r.files.Add(1)
	}
	r.events.Add(int64(len(p.list)))
	return nil
}

func (r *Replay) oneByOne(ctx context.Context, p pile) error {
	for _, file := range p.files {
		one := pile{topic: p.topic, files: []File{file}}
		for _, l := range r.Read(file) {
			one.list = append(one.list, l.Event)
		}
		if len(one.list) == 0 {
			continue // somebody else has set it aside meanwhile
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
