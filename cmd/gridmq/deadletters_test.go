package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	events "gridmq/gateway/client"
	"gridmq/internal/bubble"
	"gridmq/server/deadletters"
)

// letters writes a file with so many events, each with data of so many bytes; ids are
// the name of the file and a number.
func letters(t *testing.T, root, topic, name string, n, size int) {
	t.Helper()
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"deadLetterProperties":{"deadletterreason":"r"},"event":{"specversion":"1.0","id":"%s%d","source":"/s","type":"t","data":"%s"}}`,
			name, i, strings.Repeat("x", size)))
	}
	dir := filepath.Join(root, "acc/dead/plant", topic, "billing/2026/3/2/7")
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".json"), []byte("["+strings.Join(list, ",")+"]"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A fakePlane is what a replay publishes to.
type fakePlane struct {
	requests []string // topic, number of events, the first and last id
	bad      string   // an id that is refused
	busy     int      // so many requests
	gone     string   // a topic
	fail     error    // of every request
}

func (p *fakePlane) publish(_ context.Context, topic string, list []json.RawMessage) error {
	var ids []string
	size := 0
	for _, raw := range list {
		var e struct{ ID string }
		if err := json.Unmarshal(raw, &e); err != nil {
			return err
		}
		ids = append(ids, e.ID)
		size += len(raw) + 1
	}
	p.requests = append(p.requests, fmt.Sprintf("%s %d %s %s", topic, len(list), ids[0], ids[len(ids)-1]))
	switch {
	case p.fail != nil:
		return p.fail
	case topic == p.gone:
		return &events.Error{Status: 410, Code: "Gone", Message: "no topic"}
	case len(list) > 1000 || size > 1<<20 && len(list) > 1:
		return &events.Error{Status: 413, Code: "PayloadTooLarge", Message: "too large"}
	case slices.Contains(ids, p.bad):
		return &events.Error{Status: 400, Code: "BadRequest", Message: "bad\nevent"}
	case p.busy > 0:
		p.busy--
		return &events.Error{Status: 429, Code: "TooManyRequests", Message: "slow", RetryAfter: 7 * time.Second}
	}
	return nil
}

// again replays all files of a folder, and tells what is left of them.
func (p *fakePlane) again(t *testing.T, root string) (out, errs string, left []string, err error) {
	t.Helper()
	f, err := deadletters.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	skip := func(s *deadletters.Skipped) { t.Errorf("left out: %v", s) }
	files, err := f.Files(t.Context(), deadletters.Place{}, skip)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	r := &replay{letters: &letterFlags{}, folder: f, publish: p.publish, setAside: f.SetAside, out: &stdout, stderr: &lockedWriter{w: &stderr}}
	result := r.run(t.Context(), files, "published")
	files, err = f.Files(t.Context(), deadletters.Place{}, skip)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range files {
		left = append(left, strings.TrimSuffix(filepath.Base(one.Path), ".json"))
	}
	return stdout.String(), stderr.String(), left, result
}

// Requests are as large as they may be, a file whole if it can be.
func TestReplayBounds(t *testing.T) {
	root := t.TempDir()
	letters(t, root, "orders", "a", 600, 1)
	letters(t, root, "orders", "b", 600, 1)
	letters(t, root, "orders", "c", 2100, 1)
	letters(t, root, "orders", "d", 3, 400<<10)
	letters(t, root, "alarms", "e", 1, 1)
	var p fakePlane
	out, _, left, err := p.again(t, root)
	if err != nil || out != "published 3304 events of 5 files\n" || left != nil {
		t.Errorf("%s, %v, left %v", out, err, left)
	}
	slices.Sort(p.requests)
	want := []string{"alarms 1 e0 e0", "orders 1 d2 d2", "orders 100 c2000 c2099", "orders 1000 c0 c999", "orders 1000 c1000 c1999",
		"orders 2 d0 d1", "orders 600 a0 a599", "orders 600 b0 b599"}
	if diff := cmp.Diff(want, p.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// One bad event holds up only its own file; a topic that is gone only its own files.
func TestReplayRefused(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		letters(t, root, "orders", name, 2, 1)
	}
	letters(t, root, "gone", "d", 1200, 1)
	letters(t, root, "gone", "e", 1, 1)
	p := fakePlane{bad: "b1", gone: "gone"}
	out, errs, left, err := p.again(t, root)
	if out != "published 4 events of 2 files\n" || exitCode(err) != exitDenied || err.Error() != "3 files were refused; they are where they were" {
		t.Errorf("%s, %v", out, err)
	}
	slices.Sort(left)
	if diff := cmp.Diff([]string{"b", "d", "e"}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	for _, want := range []string{"refused: topic gone: no topic (410 Gone)\n", "billing/2026/3/2/7/b.json: bad\ufffdevent (400 BadRequest)\n"} {
		if !strings.Contains(errs, want) {
			t.Errorf("it said %q, without %q", errs, want)
		}
	}
	if n := len(slices.DeleteFunc(p.requests, func(r string) bool { return !strings.HasPrefix(r, "gone ") })); n != 1 {
		t.Errorf("the topic that is gone was asked %d times", n)
	}
}

// A busy broker is asked again when it says so; when it stays busy the rest is left.
func TestReplayBusy(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		root := t.TempDir()
		letters(t, root, "orders", "a", 1, 1)
		begin := time.Now()
		p := fakePlane{busy: 2}
		if out, _, _, err := p.again(t, root); err != nil || out != "published 1 events of 1 files\n" || time.Since(begin) != 14*time.Second {
			t.Errorf("after %v: %s, %v", time.Since(begin), out, err)
		}
		letters(t, root, "orders", "b", 1, 1)
		p = fakePlane{busy: 100}
		out, errs, left, err := p.again(t, root)
		if refusal, ok := errors.AsType[*events.Error](err); !ok || refusal.Status != 429 || out != "published 0 events of 0 files\n" ||
			!strings.Contains(errs, "left are 1 files; the same command goes on with them\n") || len(left) != 1 || len(p.requests) != attempts {
			t.Errorf("busy for long: %s, %s, left %v, %d requests, %v", out, errs, left, len(p.requests), err)
		}
		if !strings.Contains(errs, "0 of 1 files published\n") {
			t.Errorf("no progress in %q", errs)
		}
	})
}

// Without an answer nothing is set aside.
func TestReplayFails(t *testing.T) {
	root := t.TempDir()
	letters(t, root, "orders", "a", 1, 1)
	p := fakePlane{fail: errors.New("no connection")}
	if out, _, left, err := p.again(t, root); err == nil || out != "published 0 events of 0 files\n" || len(left) != 1 {
		t.Errorf("%s, left %v, %v", out, left, err)
	}
}

func TestDeadLettersArguments(t *testing.T) {
	for line, want := range map[string]string{
		"list a/b/c --folder .":        "want TOPIC or TOPIC/SUBSCRIPTION",
		"list /b --folder .":           "want TOPIC or TOPIC/SUBSCRIPTION",
		"show --max 0 --folder .":      "want 1 or more",
		"show -o xml --folder .":       "want text, json",
		"list --folder nowhere":        "there is no folder nowhere",
		"replay --all a":               "which?",
		"replay a/ --folder .":         "want TOPIC or TOPIC/SUBSCRIPTION",
		"list --folder deadletters.go": "not a directory",
	} {
		cmd := newRootCmd()
		cmd.SetArgs(append([]string{"dead-letters"}, strings.Fields(line)...))
		cmd.SetOut(new(bytes.Buffer))
		cmd.SetErr(new(bytes.Buffer))
		if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}
