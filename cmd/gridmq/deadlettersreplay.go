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

	plane "gridmq/control/client"
	events "gridmq/gateway/client"
	"gridmq/server/deadletters"
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
	l.manage = &e.manage
	l.registerPlace(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "all topics of the namespace")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only tell what would be published")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if all == (len(args) > 0) {
			return errors.New("which? TOPIC or TOPIC/SUBSCRIPTION, or --all")
		}
		if l.account != "" {
			return l.away(args, func(ctx context.Context, cmd *cobra.Command, namespace string, p plane.DeadLetterPlace) error {
				return l.replayAway(ctx, cmd, namespace, p, dry)
			})(cmd, args)
		}
		return l.run(func(ctx context.Context, cmd *cobra.Command, f *deadletters.Folder, files []deadletters.File) error {
			namespace, err := oneNamespace(files)
			if err != nil || len(files) == 0 {
				return err
			}
			stderr := &lockedWriter{w: cmd.ErrOrStderr()}
			r := &replay{letters: &l, folder: f, out: cmd.OutOrStdout(), stderr: stderr}
			if dry {
				r.publish = func(context.Context, string, []json.RawMessage) error { return nil }
				r.setAside = func(context.Context, deadletters.File) error { return nil }
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

// A replay is a deadletters.Replay that is patient, and tells how far it is.
type replay struct {
	letters     *letterFlags
	folder      *deadletters.Folder
	publish     func(ctx context.Context, topic string, list []json.RawMessage) error
	setAside    func(context.Context, deadletters.File) error
	out, stderr io.Writer
}

// run replays files, topic by topic, the oldest first.
func (r *replay) run(ctx context.Context, files []deadletters.File, done string) error {
	d := deadletters.Replay{Publish: r.patiently, SetAside: r.setAside, Refused: r.refused, Read: r.folder.Read,
		Unreadable: func(_ deadletters.File, err error) { r.letters.unreadable(r.stderr, err) }}
	stop := showProgress(r.stderr, func() string { return fmt.Sprintf("%d of %d files %s", d.Files(), len(files), done) })
	err := d.Run(ctx, files)
	stop()
	fmt.Fprintf(r.out, "%s %d events of %d files\n", done, d.Events(), d.Files())
	if err != nil {
		if left := len(files) - d.Files() - d.Stayed(); left > 0 {
			fmt.Fprintf(r.stderr, "left are %d files; the same command goes on with them\n", left)
		}
		if aside, ok := errors.AsType[*deadletters.SetAsideError](err); ok {
			return fmt.Errorf("%w\n  its events were published: move it yourself, or the next replay publishes them again", aside.Err)
		}
		return err
	}
	if d.Stayed() > 0 {
		return &exitError{exitDenied, fmt.Errorf("%d files were refused; they are where they were", d.Stayed())}
	}
	return nil
}

// refused tells what stays where it is.
func (r *replay) refused(file deadletters.File, err error) {
	what := file.Path
	if what == "" {
		what = "topic " + file.Topic
	}
	fmt.Fprintf(r.stderr, "refused: %s: %s\n", printableText(what, widestLast), printableText(err.Error(), widestLast))
}

// patiently publishes, and again when the broker is too busy.
func (r *replay) patiently(ctx context.Context, topic string, list []json.RawMessage) error {
	for n := 1; ; n++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		err := r.publish(ctx, topic, list)
		refusal, ok := errors.AsType[*events.Error](err)
		if !ok {
			return err
		}
		switch status := refusal.Status; {
		case status == http.StatusGone || status == http.StatusNotFound:
			return &deadletters.Refusal{Err: err, Gone: true}
		case status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnsupportedMediaType:
			return &deadletters.Refusal{Err: err}
		case n == attempts || status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable:
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
