package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"gridmq/cmd/gridmq/deadletters"
	events "gridmq/gateway/client"
)

// Bounds of one publish (spec/namespace-topics.md, section 6), with some room for what
// is around the events.
const (
	mostPublished  = 1000
	largestPublish = 1<<20 - 4096 // bytes
)

func newDeadLettersReplayCmd() *cobra.Command {
	var e eventFlags
	var l letterFlags
	var all, dry bool
	cmd := &cobra.Command{
		Use:   "replay TOPIC[/SUBSCRIPTION]",
		Short: "Publish dead letters to their topic again",
		Long: `Publish dead letters to their topic again, with the id they had. A topic has no
single consumer: every event subscription whose filter takes the event gets it.

Once the broker has all events of a file on disk, the file is moved into a folder
replayed beside it. What is interrupted between the two is published twice by the next
replay; consumers know such events by their id. What the broker refuses stays where it is.

` + deadLettersHelp + "\n\n" + eventsHelp,
		Example: `  gridmq dead-letters replay orders/billing --dry-run
  gridmq dead-letters replay orders/billing -n shop
  gridmq dead-letters replay --all`,
		Args: cobra.MaximumNArgs(1),
	}
	e.register(cmd)
	l.registerFolder(cmd.Flags())
	cmd.Flags().BoolVar(&all, "all", false, "all topics of the namespace")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only tell what would be published")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if all == (len(args) > 0) {
			return errors.New("which? TOPIC or TOPIC/SUBSCRIPTION, or --all")
		}
		l.data, l.namespace = e.manage.data, e.manage.namespace
		return l.run(func(ctx context.Context, cmd *cobra.Command, f *deadletters.Folder, files []deadletters.File) error {
			namespace, err := oneNamespace(files)
			if err != nil || len(files) == 0 {
				return err
			}
			stderr := &lockedWriter{w: cmd.ErrOrStderr()}
			r := &replay{letters: &l, folder: f, out: cmd.OutOrStdout(), stderr: stderr}
			if dry {
				r.publish = func(context.Context, string, []json.RawMessage) error { return nil }
				r.setAside = func(deadletters.File) error { return nil }
				return r.run(ctx, files, "would publish")
			}
			e.manage.namespace = namespace
			if err := e.connect(ctx); err != nil {
				return err
			}
			defer e.client.Close()
			r.publish, r.setAside = e.client.Publish, f.SetAside
			return e.explain(r.run(ctx, files, "published"))
		})(cmd, args)
	}
	return cmd
}

// oneNamespace is that of all files: the data plane is asked in one.
func oneNamespace(files []deadletters.File) (string, error) {
	var names []string
	for _, f := range files {
		if !slices.Contains(names, f.Namespace) {
			names = append(names, f.Namespace)
		}
	}
	switch len(names) {
	case 0:
		return "", nil
	case 1:
		return names[0], nil
	}
	slices.Sort(names)
	return "", fmt.Errorf("which namespace? -n NAME, of %s", printableText(strings.Join(names, ", "), widestLast))
}

// A replay publishes files, and sets them aside.
type replay struct {
	letters     *letterFlags
	folder      *deadletters.Folder
	publish     func(ctx context.Context, topic string, list []json.RawMessage) error
	setAside    func(deadletters.File) error
	out, stderr io.Writer

	files, events progressCount
	refused       int    // files
	gone          string // the last topic that there is none of
}

// A pile is files that are published at once.
type pile struct {
	topic string
	files []deadletters.File
	list  []json.RawMessage
	size  int
}

// run replays files, topic by topic, the oldest first.
func (r *replay) run(ctx context.Context, files []deadletters.File, done string) error {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b deadletters.File) int { return strings.Compare(a.Topic, b.Topic) })
	stop := showProgress(r.stderr, func() string { return r.files.say(len(files), "files "+done) })
	err := r.each(ctx, files)
	stop()
	fmt.Fprintf(r.out, "%s %d events of %d files\n", done, r.events.get(), r.files.get())
	if err != nil {
		if left := len(files) - int(r.files.get()) - r.refused; left > 0 {
			fmt.Fprintf(r.stderr, "left are %d files; the same command goes on with them\n", left)
		}
		return err
	}
	if r.refused > 0 {
		return &exitError{exitDenied, fmt.Errorf("%d files were refused; they are where they were", r.refused)}
	}
	return nil
}

func (r *replay) each(ctx context.Context, files []deadletters.File) error {
	var p pile
	for _, file := range files {
		letters := r.letters.read(r.stderr, r.folder, file)
		if len(letters) == 0 {
			continue
		}
		next := pile{topic: file.Topic, files: []deadletters.File{file}}
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
func (r *replay) send(ctx context.Context, p pile) error {
	if len(p.files) == 0 {
		return nil
	}
	if p.topic == r.gone {
		r.refused += len(p.files)
		return nil
	}
	err := r.inParts(ctx, p)
	status := 0
	if refusal, ok := errors.AsType[*events.Error](err); ok {
		status = refusal.Status
	}
	refused := status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnsupportedMediaType
	switch {
	case status == http.StatusGone || status == http.StatusNotFound:
		r.gone = p.topic
		r.refused += len(p.files)
		fmt.Fprintf(r.stderr, "refused: topic %s: %s\n", printableText(p.topic, widest), printableText(err.Error(), widestLast))
		return nil
	case refused && len(p.files) > 1:
		return r.oneByOne(ctx, p)
	case refused:
		r.refused++
		fmt.Fprintf(r.stderr, "refused: %s: %s\n", printableText(p.files[0].Path, widestLast), printableText(err.Error(), widestLast))
		return nil
	case err != nil:
		return err
	}
	for _, file := range p.files {
		if err := r.setAside(file); err != nil {
			return fmt.Errorf("%w\n  its events were published: move it yourself, or the next replay publishes them again", err)
		}
		r.files.add(1)
	}
	r.events.add(len(p.list))
	return nil
}

func (r *replay) oneByOne(ctx context.Context, p pile) error {
	for _, file := range p.files {
		one := pile{topic: p.topic, files: []deadletters.File{file}}
		for _, l := range r.letters.read(r.stderr, r.folder, file) {
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
func (r *replay) inParts(ctx context.Context, p pile) error {
	for rest := p.list; len(rest) > 0; {
		n, size := 1, len(rest[0])+1
		for n < min(len(rest), mostPublished) && size+len(rest[n])+1 <= largestPublish {
			size += len(rest[n]) + 1
			n++
		}
		if err := r.patiently(ctx, p.topic, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// patiently publishes, and again when the broker is too busy.
func (r *replay) patiently(ctx context.Context, topic string, list []json.RawMessage) error {
	for n := 1; ; n++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		err := r.publish(ctx, topic, list)
		refusal, ok := errors.AsType[*events.Error](err)
		if !ok || n == attempts || refusal.Status != http.StatusTooManyRequests && refusal.Status != http.StatusServiceUnavailable {
			return err
		}
		select {
		case <-time.After(min(cmp.Or(refusal.RetryAfter, time.Second), longest)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// A progressCount is counted by one goroutine and told by another.
type progressCount struct{ n atomic.Int64 }

func (p *progressCount) add(n int)  { p.n.Add(int64(n)) }
func (p *progressCount) get() int64 { return p.n.Load() }
func (p *progressCount) say(of int, what string) string {
	return fmt.Sprintf("%d of %d %s", p.get(), of, what)
}
