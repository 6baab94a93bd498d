package behaviour

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gridmq/server"
)

const serverShuttingDown = 0x8B

// TestShutdown: everybody is told, nobody comes in, everything is kept.
func TestShutdown(t *testing.T) {
	bothOwn(t, func(e *env) {
		h := e.own()
		sub := e.connect(login{id: e.id("sub"), durable: true, byHand: true})
		sub.subscribe(1, e.topic("a"))
		pub := e.connect(login{id: e.id("pub")})
		idle := e.raw(e.id("idle"))
		pub.publish(1, e.topic("a"), "kept")
		sub.want("kept")
		h.restart(t, func() {
			for _, c := range []*client{sub, pub} {
				c.wantEnd(serverShuttingDown)
			}
			idle.wantEnd(serverShuttingDown)
			if w, err := h.dial(e.transport); err == nil {
				w.Close()
				e.Error("a stopped broker accepts connections")
			}
		})
		e.connect(login{id: e.id("sub"), durable: true}).want("kept")
	})
}

// A test binary that finds this variable is a broker on that data folder. More settings
// are in settingsVariable.
const processVariable = "GRIDMQ_BEHAVIOUR_DATA"

// serveProcess is a broker until SIGTERM; its exit code tells how it went.
func serveProcess(data string) int {
	h := house{engine: "pebble", dir: data, settings: strings.Split(os.Getenv(settingsVariable), "\n")}
	if h.settings[0] == "" {
		h.settings = nil
	}
	scratch = data // the CA
	cfg, err := h.config()
	if err == nil {
		cfg.Webhooks.PlainHTTP = true // those of tests
		var srv *server.Server
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
		if srv, err = server.New(cfg, server.Options{Logger: log}); err == nil {
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
			defer stop()
			err = srv.Run(ctx)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A process is a broker that can be killed.
type process struct {
	e      *env
	cmd    *exec.Cmd
	exited chan error
}

// process starts a broker as a process, on a folder of this run; e leads to it.
func (e *env) process(dir string, settings ...string) *process {
	e.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), processVariable+"="+dir, settingsVariable+"="+strings.Join(settings, "\n"))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		e.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		e.Fatalf("start a broker: %v", err)
	}
	p := &process{e: e, cmd: cmd, exited: make(chan error, 1)}
	go func() { p.exited <- cmd.Wait() }() // until the process ends
	e.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill()
	})
	deadline := time.After(patience)
	for {
		r, err := server.ReadReadyFile(filepath.Join(dir, "data"))
		if err == nil && r.PID == cmd.Process.Pid {
			e.house = &house{engine: "pebble", dir: dir, addresses: r.Listeners}
			return p
		}
		select {
		case err := <-p.exited:
			e.Fatalf("the broker ended before it was ready: %v", err)
		case <-deadline:
			e.Fatalf("the broker is not ready: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// signal sends a signal and returns the exit code.
func (p *process) signal(s os.Signal) int {
	p.e.Helper()
	_ = p.cmd.Process.Signal(s)
	select {
	case err := <-p.exited:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) && !errors.Is(err, io.EOF) {
			p.e.Fatalf("the broker's end: %v", err)
		}
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.e.Fatal("the broker did not end")
		return 0
	}
}

// TestProcess: SIGTERM drains and exits with 0; kill -9 loses nothing that was
// acknowledged, and the wills of those who were connected are published.
func TestProcess(t *testing.T) {
	run(t, func(e *env) {
		if e.transport == "tls" || e.transport == "wss" {
			e.transport = "tcp" // the process has a CA of its own
		}
		dir := e.TempDir()
		p := e.process(dir)
		watcher := e.connect(login{id: e.id("watcher"), durable: true})
		watcher.subscribe(1, e.topic("wills/#"))
		sub := e.connect(login{id: e.id("sub"), durable: true, byHand: true})
		sub.subscribe(2, e.topic("a"))
		pub := e.connect(login{id: e.id("pub"), durable: true})
		pub.publish(1, e.topic("a"), "1")
		first := sub.want("1")[0]
		watcher.leave()
		if code := p.signal(syscall.SIGTERM); code != 0 {
			e.Errorf("exit code after SIGTERM: %d", code)
		}
		pub.wantEnd(serverShuttingDown)
		sub.wantEnd(serverShuttingDown)

		p = e.process(dir)
		pub = e.connect(login{id: e.id("pub"), durable: true, will: e.aWill("durable", 0)})
		e.connect(login{id: e.id("transient"), will: e.aWill("transient", 0)})
		e.connect(login{id: e.id("goodbye"), will: e.aWill("goodbye", 0)}).leave()
		pub.publish(1, e.topic("a"), "2")
		pub.publish(2, e.topic("a"), "3")
		pub.keep(e.topic("r"), "retained")
		p.signal(syscall.SIGKILL)

		p = e.process(dir)
		sub = e.connect(login{id: e.id("sub"), durable: true})
		if !sub.present {
			e.Fatal("the session did not survive kill -9")
		}
		if m := sub.want("1", "2", "3")[0]; m.id != first.id || !m.dup {
			e.Errorf("resent as %v, first %v", m, first)
		}
		sub.subscribe(1, e.topic("r"))
		sub.want("retained")
		watcher = e.connect(login{id: e.id("watcher"), durable: true})
		got := map[string]bool{watcher.next().payload: true, watcher.next().payload: true}
		if !got["durable"] || !got["transient"] {
			e.Errorf("wills after kill -9: %v", got)
		}
		watcher.silent()
		if code := p.signal(syscall.SIGTERM); code != 0 {
			e.Errorf("exit code after SIGTERM: %d", code)
		}
	}, []row{{v3, "ws", "pebble"}, {v5, "tcp", "pebble"}})
}
