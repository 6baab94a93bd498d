package behaviour

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A journal keeps what a broker logs from Warn on.
type journal struct {
	mu      sync.Mutex
	said    []string
	allowed []*regexp.Regexp
}

// expected belongs to every broker here.
var expected = regexp.MustCompile(`DEV MODE|the store is in memory|every CONNECT is refused`)

// allow says that a complaint belongs to the behaviour.
func (j *journal) allow(pattern string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.allowed = append(j.allowed, regexp.MustCompile(pattern))
}

func (j *journal) complaints() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(j.said), func(line string) bool {
		return expected.MatchString(line) || slices.ContainsFunc(j.allowed, func(r *regexp.Regexp) bool { return r.MatchString(line) })
	})
}

func (j *journal) logger() *slog.Logger { return slog.New(handler{j: j}) }

// logLevel is what goes to standard error as well: BEHAVIOUR_LOG.
var logLevel = func() slog.Level {
	level := slog.Level(100)
	_ = level.UnmarshalText([]byte(os.Getenv("BEHAVIOUR_LOG"))) // else none
	return level
}()

type handler struct {
	j     *journal
	attrs string
}

func (h handler) Enabled(_ context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn || l >= logLevel
}

func (h handler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s%s", r.Level, r.Message, h.attrs)
	r.Attrs(func(a slog.Attr) bool { fmt.Fprintf(&b, " %s", a); return true })
	if r.Level >= slog.LevelWarn {
		h.j.mu.Lock()
		h.j.said = append(h.j.said, b.String())
		h.j.mu.Unlock()
	}
	if r.Level >= logLevel {
		fmt.Fprintln(os.Stderr, r.Time.Format("05.000"), b.String())
	}
	return nil
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.attrs += " " + a.String()
	}
	return h
}

func (h handler) WithGroup(string) slog.Handler { return h }
