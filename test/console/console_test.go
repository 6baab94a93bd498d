package console

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridmq/dashboard"
	"gridmq/server"
)

// patience is how long all of it may take on a machine that is busy, pictures too.
const patience = 10 * time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// need skips, and fails in CI, unless all is there.
func need(t *testing.T) (node, chromium string) {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("CI") == "true" {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	if !dashboard.Built() {
		missing("the console was not built: make console")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("Node.js is not installed: make tools")
	}
	if chromium, err = exec.LookPath("chromium"); err != nil {
		missing("Chromium is not installed: make tools")
	}
	if _, err := os.Stat(filepath.Join("node_modules", "playwright-core")); err != nil {
		missing("playwright-core is not installed: make javascript")
	}
	return node, chromium
}

// TestBrowser has the steps in console.mjs.
func TestBrowser(t *testing.T) {
	node, chromium := need(t)
	data := t.TempDir()
	// An account whose dead letters are events, seen through an event subscription that the steps make.
	shelf := []server.Assignment{{Path: "events.dead_letters.shelf.kind", Value: "topic"}, {Path: "events.dead_letters.shelf.topic", Value: "telemetry"},
		{Path: "events.dead_letters.shelf.subscription", Value: "billing"}}
	browse(t, node, chromium, "console.mjs", serve(t, data, shelf...), data)
}

// browse runs a program that opens the console, with the token of the local operator.
func browse(t *testing.T, node, chromium, program string, s *server.Server, data string, environment ...string) {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(data, server.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(s.Addresses()["management"].Address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, program)
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), "CONSOLE=https://localhost:"+port+"/console/", "CHROMIUM="+chromium, "PROFILE="+t.TempDir())
	cmd.Env = append(cmd.Env, environment...)
	cmd.Stdin = bytes.NewReader(bytes.TrimSpace(token)) // not in the environment, which others may list
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("the browser's steps: %v", err)
	}
	if strings.Contains(string(out), strings.TrimSpace(string(token))) {
		t.Error("the token is in the output")
	}
}

// serve runs a broker with the quickstart on free ports until the test ends.
func serve(t *testing.T, data string, more ...server.Assignment) *server.Server {
	t.Helper()
	flags := []server.Assignment{{Path: "data", Value: data}, {Path: "quickstart.enabled", Value: "true"}, {Path: "log.level", Value: "warn"}}
	for _, path := range []string{"operations.address", "management.address", "listeners.mqtts.address", "listeners.wss.address"} {
		flags = append(flags, server.Assignment{Path: path, Value: "127.0.0.1:0"})
	}
	flags = append(flags, more...)
	cfg, _, err := server.Sources{Flags: flags}.Load()
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(cfg, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with stop, waited for below
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the server ended with %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("the server did not end")
		}
	})
	select {
	case <-s.Ready():
	case err := <-ended:
		t.Fatalf("the server ended: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("the server was not ready after a minute")
	}
	return s
}
