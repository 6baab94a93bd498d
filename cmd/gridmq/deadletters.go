package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	plane "gridmq/control/client"
	"gridmq/server/deadletters"
)

const deadLettersHelp = `Dead letters are events that an event subscription rejected, did not take often enough
or not in time, and that has a dead-letter destination. The broker writes them into
deadletter in its data directory (--data); --folder names another one. They are read from
there, without the broker, by whoever may read its files.

Those of a storage account that events.dead_letters sends to a bucket or a topic are
elsewhere: --account has the broker list and publish them, through its management plane.`

const noLetters = "there are no dead letters"

func newDeadLettersCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead-letters",
		Short: "List the events that were not delivered, show them, publish them again",
		Long:  "List dead letters, show them, publish them again.\n\n" + deadLettersHelp,
		Example: `  gridmq dead-letters list
  gridmq dead-letters show orders/billing
  gridmq dead-letters replay orders/billing --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDeadLettersListCmd(), newDeadLettersShowCmd(), newDeadLettersReplayCmd())
	return cmd
}

// letterFlags say which letters.
type letterFlags struct {
	manage *manageFlags // --data, which does not count with --folder, and -n; all of it with --account
	folder string
	awayFlags
	skipped int
}

func (l *letterFlags) register(cmd *cobra.Command) {
	l.manage = new(manageFlags)
	l.manage.register(cmd, true)
	cmd.Flags().Lookup("namespace").Usage = "`namespace` (default: all; with --account the only one there is)"
	l.registerPlace(cmd)
}

// registerPlace adds the flags beside those of manage.
func (l *letterFlags) registerPlace(cmd *cobra.Command) {
	l.awayFlags.register(cmd)
	f := cmd.Flags()
	f.StringVar(&l.folder, "folder", "", "`folder` with dead letters (default: deadletter in --data)")
}

// open opens the folder; nil: there is none, and so no letters.
func (l *letterFlags) open() (*deadletters.Folder, error) {
	dir := cmp.Or(l.folder, filepath.Join(l.manage.data, "deadletter"))
	f, err := deadletters.Open(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && l.folder == "" && exists(l.manage.data):
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no folder %s: name the data directory of the broker with --data, or a folder with --folder", dir)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w\n  only the user that runs the broker may read it", err)
	}
	return f, err
}

// place reads TOPIC or TOPIC/SUBSCRIPTION, if it is given.
func (l *letterFlags) place(args []string) (deadletters.Place, error) {
	p := deadletters.Place{Namespace: l.manage.namespace}
	if len(args) == 0 {
		return p, nil
	}
	topic, subscription, found := strings.Cut(args[0], "/")
	if topic == "" || found && subscription == "" || strings.Contains(subscription, "/") {
		return p, fmt.Errorf("%q: want TOPIC or TOPIC/SUBSCRIPTION, as orders/billing", args[0])
	}
	p.Topic, p.Subscription = topic, subscription
	return p, nil
}

// skip tells what is left out, the first of it.
func (l *letterFlags) skip(w io.Writer, err error) {
	const most = 20
	if l.skipped++; l.skipped <= most {
		fmt.Fprintln(w, "left out:", printableText(err.Error(), widestLast))
	}
}

func (l *letterFlags) tellSkipped(w io.Writer) {
	if l.skipped > 0 {
		fmt.Fprintf(w, "left out in all: %d\n", l.skipped)
	}
}

// run wraps what a command does with the files it is about, the oldest first.
func (l *letterFlags) run(do func(ctx context.Context, cmd *cobra.Command, f *deadletters.Folder, files []deadletters.File) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		p, err := l.place(args)
		if err != nil {
			return err
		}
		f, err := l.open()
		if err != nil {
			return err
		}
		var files []deadletters.File
		if f != nil {
			defer f.Close()
			if files, err = f.Files(ctx, p, func(s *deadletters.Skipped) { l.skip(cmd.ErrOrStderr(), s) }); err != nil {
				return err
			}
		}
		defer l.tellSkipped(cmd.ErrOrStderr())
		if len(files) == 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), noLetters)
		}
		return do(ctx, cmd, f, files)
	}
}

// unreadable tells of a file that cannot be read, and is left out.
func (l *letterFlags) unreadable(w io.Writer, err error) {
	if !errors.Is(err, fs.ErrNotExist) { // else somebody else has set it aside
		l.skip(w, err)
	}
}

// A heap of letters is a row of the list.
type letterHeap struct {
	Namespace    string    `json:"namespace"`
	Topic        string    `json:"topic"`
	Subscription string    `json:"subscription"`
	Reason       string    `json:"reason"`
	Events       int       `json:"events"`
	Files        int       `json:"files"`
	From         time.Time `json:"from"` // hours
	To           time.Time `json:"to"`
}

func newDeadLettersListCmd() *cobra.Command {
	var l letterFlags
	var output string
	cmd := &cobra.Command{
		Use:   "list [TOPIC[/SUBSCRIPTION]]",
		Short: "Count dead letters by event subscription and reason",
		Long:  "Count dead letters by event subscription and reason, with the hours in which they were\nwritten.\n\n" + deadLettersHelp,
		Example: `  gridmq dead-letters list
  gridmq dead-letters list orders -n shop -o json`,
		Args: cobra.MaximumNArgs(1),
	}
	l.register(cmd)
	outputFlag(cmd, &output, "table", "json")
	print := func(cmd *cobra.Command, heaps []letterHeap) error {
		if output == "json" {
			return printJSON(cmd, orEmpty(heaps))
		}
		if len(heaps) == 0 {
			return nil
		}
		t := newTable(cmd.OutOrStdout())
		t.row("NAMESPACE", "TOPIC", "SUBSCRIPTION", "EVENTS", "FILES", "FROM", "TO", "REASON")
		for _, h := range heaps {
			t.row(h.Namespace, h.Topic, h.Subscription, strconv.Itoa(h.Events), strconv.Itoa(h.Files), instant(h.From), instant(h.To), h.Reason)
		}
		return t.flush()
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkOutput(output, "table", "json"); err != nil {
			return err
		}
		if l.account != "" {
			return l.away(args, func(ctx context.Context, cmd *cobra.Command, namespace string, p plane.DeadLetterPlace) error {
				heaps, err := l.heapsAway(ctx, namespace, p)
				if err != nil {
					return err
				}
				if len(heaps) == 0 {
					fmt.Fprintln(cmd.ErrOrStderr(), noLetters)
				}
				return print(cmd, heaps)
			})(cmd, args)
		}
		return l.run(func(ctx context.Context, cmd *cobra.Command, f *deadletters.Folder, files []deadletters.File) error {
			heaps, err := l.heaps(ctx, cmd.ErrOrStderr(), f, files)
			if err != nil {
				return err
			}
			return print(cmd, heaps)
		})(cmd, args)
	}
	return cmd
}

// maxHeaps bounds the rows: reasons are texts from a file.
const maxHeaps = 10_000

var errTooManyHeaps = fmt.Errorf("more than %d reasons: name a TOPIC/SUBSCRIPTION", maxHeaps)

func (l *letterFlags) heaps(ctx context.Context, stderr io.Writer, f *deadletters.Folder, files []deadletters.File) ([]letterHeap, error) {
	all := letterHeaps{}
	stderr = &lockedWriter{w: stderr}
	var done progressCount
	stop := showProgress(stderr, func() string { return done.say(len(files), "files read") })
	defer stop()
	for _, file := range files {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		reasons := map[string]int{}
		err := f.Read(ctx, file, func(letter deadletters.Letter) error {
			if reasons[printableText(letter.Reason, widest)]++; len(reasons) > maxHeaps {
				return errTooManyHeaps
			}
			return nil
		})
		switch {
		case errors.Is(err, errTooManyHeaps) || context.Cause(ctx) != nil:
			return nil, cmp.Or(context.Cause(ctx), err)
		case err != nil:
			l.unreadable(stderr, err)
		default:
			if err := all.add(file, reasons); err != nil {
				return nil, err
			}
		}
		done.add(1)
	}
	return all.sorted(), nil
}

// letterHeaps are rows by what they are about.
type letterHeaps map[heapKey]*letterHeap

type heapKey struct{ namespace, topic, subscription, reason string }

// add counts the letters of a file.
func (all letterHeaps) add(file deadletters.File, reasons map[string]int) error {
	for reason, events := range reasons {
		k := heapKey{file.Namespace, file.Topic, file.Subscription, reason}
		h := all[k]
		if h == nil {
			if len(all) == maxHeaps {
				return errTooManyHeaps
			}
			h = &letterHeap{Namespace: k.namespace, Topic: k.topic, Subscription: k.subscription, Reason: k.reason, From: file.Hour, To: file.Hour}
			all[k] = h
		}
		h.Events += events
		h.Files++
		if file.Hour.Before(h.From) {
			h.From = file.Hour
		}
		if file.Hour.After(h.To) {
			h.To = file.Hour
		}
	}
	return nil
}

func (all letterHeaps) sorted() []letterHeap {
	heaps := make([]letterHeap, 0, len(all))
	for _, h := range slices.SortedFunc(maps.Values(all), func(a, b *letterHeap) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Topic, b.Topic),
			strings.Compare(a.Subscription, b.Subscription), strings.Compare(a.Reason, b.Reason))
	}) {
		heaps = append(heaps, *h)
	}
	return heaps
}
