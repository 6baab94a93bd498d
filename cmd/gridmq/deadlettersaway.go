package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/spf13/cobra"

	plane "gridmq/control/client"
	"gridmq/server/deadletters"
)

// awayFlags choose letters that the broker keeps in a bucket or a topic, and reads itself:
// only it has the keys.
type awayFlags struct{ account, container string }

func (a *awayFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.account, "account", "", "`name` of a storage account in events.dead_letters, which the broker is asked for")
	f.StringVar(&a.container, "container", "", "`name` of a container of the account (default: those that event subscriptions name)")
}

// away runs do with where letters of an account are, with -n or the only namespace.
func (l *letterFlags) away(args []string, do func(ctx context.Context, cmd *cobra.Command, namespace string, p plane.DeadLetterPlace) error) func(*cobra.Command, []string) error {
	return l.manage.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if l.folder != "" {
			return errors.New("--folder and --account exclude each other")
		}
		place, err := l.place(args)
		if err != nil {
			return err
		}
		h, err := l.manage.home(ctx)
		if err != nil {
			return err
		}
		return do(ctx, cmd, h.name, plane.DeadLetterPlace{Account: l.account, Container: l.container, Topic: place.Topic, Subscription: place.Subscription})
	})
}

func fileOf(namespace string, l *plane.DeadLetter) deadletters.File {
	return deadletters.File{Place: deadletters.Place{Namespace: namespace, Topic: l.Topic, Subscription: l.Subscription}, Hour: l.Hour, Path: l.File}
}

// heapsAway counts what the broker lists: the letters of a file come together.
func (l *letterFlags) heapsAway(ctx context.Context, namespace string, p plane.DeadLetterPlace) ([]letterHeap, error) {
	all := letterHeaps{}
	var file deadletters.File
	reasons := map[string]int{}
	err := l.manage.client.DeadLetters(ctx, namespace, p, math.MaxInt, func(one plane.DeadLetter) error {
		var err error
		if f := fileOf(namespace, &one); f.Path != file.Path {
			err = all.add(file, reasons)
			file = f
			clear(reasons)
		}
		reasons[printableText(one.Reason, widest)]++
		return err
	})
	if err == nil {
		err = all.add(file, reasons)
	}
	return all.sorted(), err
}

// showAway prints letters, the newest first.
func (l *letterFlags) showAway(ctx context.Context, cmd *cobra.Command, namespace string, p plane.DeadLetterPlace, most int, output string) error {
	shown := 0
	err := l.manage.client.DeadLetters(ctx, namespace, p, most+1, func(one plane.DeadLetter) error {
		if shown++; shown > most {
			return nil
		}
		return printLetter(cmd.OutOrStdout(), output, fileOf(namespace, &one), deadletters.Letter{Reason: one.Reason, Result: one.Result, Attempts: one.Attempts,
			Published: one.Published, LastAttempt: one.LastAttempt, Event: one.Event})
	})
	switch {
	case err != nil:
		return err
	case shown > most:
		fmt.Fprintln(cmd.ErrOrStderr(), "there are more: --max")
	case shown == 0:
		fmt.Fprintln(cmd.ErrOrStderr(), noLetters)
	}
	return nil
}

// replayAway has the broker publish letters again, topic by topic.
func (l *letterFlags) replayAway(ctx context.Context, cmd *cobra.Command, namespace string, p plane.DeadLetterPlace, dry bool) error {
	events, files := 0, map[string]bool{}
	var topics []string
	err := l.manage.client.DeadLetters(ctx, namespace, p, math.MaxInt, func(one plane.DeadLetter) error {
		events++
		files[one.File] = true
		if !slices.Contains(topics, one.Topic) {
			topics = append(topics, one.Topic)
		}
		if !dry && p.Topic != "" {
			return errKnown
		}
		return nil
	})
	if err != nil && !errors.Is(err, errKnown) {
		return err
	}
	if len(topics) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), noLetters)
		return nil
	}
	if dry {
		fmt.Fprintf(cmd.OutOrStdout(), "would publish %d events of %d files\n", events, len(files))
		return nil
	}
	events, moved, refused := 0, 0, 0
	for _, topic := range topics {
		p.Topic = topic
		for {
			r, err := l.manage.client.ReplayDeadLetters(ctx, namespace, p)
			if err != nil {
				fmt.Fprintf(cmd.OutOrStdout(), "published %d events of %d files\n", events, moved)
				return err
			}
			events, moved = events+r.Events, moved+r.Files
			if r.Left > 0 && r.Files > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "%d files published, %d are left\n", moved, r.Left)
				continue // what is refused is told at the end
			}
			refused += len(r.Refused)
			tellRefused(cmd.ErrOrStderr(), r)
			break
		}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "published %d events of %d files\n", events, moved)
	if refused > 0 {
		return &exitError{exitDenied, errors.New("some were refused; they are where they were")}
	}
	return nil
}

// errKnown ends a listing of which nothing else is needed.
var errKnown = errors.New("the topic is known")

func tellRefused(w io.Writer, r *plane.Replayed) {
	for _, x := range r.Refused {
		what := x.File
		if what == "" {
			what = "topic " + x.Topic
		}
		fmt.Fprintf(w, "refused: %s: %s\n", printableText(what, widestLast), printableText(x.Reason, widestLast))
	}
	if r.Left > 0 {
		fmt.Fprintf(w, "left are %d files; the same command goes on with them\n", r.Left)
	}
}
