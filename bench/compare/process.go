//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"gridmq/bench/load"
)

// A launch is a process to be started, again and again.
type launch struct {
	args    []string
	ready   func() (url string, err error)  // errNotYet: ask again
	prepare func(ctx context.Context) error // what to do once, after the first start; nil: nothing
	events  *load.Events                    // made by prepare, for workloads with events
}

var errNotYet = errors.New("not ready yet")

// A process is a running broker. CPU time of predecessors that were killed is
// counted too.
type process struct {
	launch *launch
	url    string
	log    *tail

	cmd  *exec.Cmd
	done chan error // what Wait returned
	past time.Duration
}

const startTimeout = 60 * time.Second

// start starts a broker and waits until it serves.
func start(ctx context.Context, l *launch, verbose bool) (*process, error) {
	p := &process{launch: l, log: &tail{}}
	if verbose {
		p.log.also = os.Stderr
	}
	if err := p.start(ctx); err != nil || l.prepare == nil {
		return p, err
	}
	if err := l.prepare(ctx); err != nil {
		p.kill()
		return p, err
	}
	return p, nil
}

func (p *process) start(ctx context.Context) error {
	p.cmd = exec.Command(p.launch.args[0], p.launch.args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.Env = cleanEnv(os.Environ())
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true,            // Ctrl-C is for us: we end the broker ourselves
		Pdeathsig: syscall.SIGKILL, // should we be killed
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.done = make(chan error, 1)
	go func() { p.done <- p.cmd.Wait() }() // ends with the process
	deadline := time.Now().Add(startTimeout)
	for {
		url, err := p.launch.ready()
		switch {
		case err == nil:
			p.url = url
			return nil
		case !errors.Is(err, errNotYet):
			p.kill()
			return err
		case time.Now().After(deadline):
			p.kill()
			return fmt.Errorf("%s did not start in %v:\n%s", p.launch.args[0], startTimeout, p.log)
		}
		select {
		case err := <-p.done:
			p.done <- err
			return fmt.Errorf("%s ended at once: %v\n%s", p.launch.args[0], err, p.log)
		case <-ctx.Done():
			p.kill()
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// notInherited are variables that change how a broker works: it is to run with
// its defaults, and -set says openly what else.
var notInherited = []string{"GRIDMQ_", "GOGC=", "GOMEMLIMIT=", "GOMAXPROCS=", "GODEBUG="}

func cleanEnv(all []string) (env []string) {
next:
	for _, e := range all {
		for _, prefix := range notInherited {
			if strings.HasPrefix(e, prefix) {
				continue next
			}
		}
		env = append(env, e)
	}
	return env
}

// kill ends the process with SIGKILL and waits for it. Nobody needs what it
// would write at a proper end.
func (p *process) kill() {
	p.cmd.Process.Kill()
	err := <-p.done
	p.done <- err
	if st := p.cmd.ProcessState; st != nil {
		p.past += st.UserTime() + st.SystemTime()
	}
}

// restart is kill and start, on the same data.
func (p *process) restart(ctx context.Context) error {
	p.kill()
	return p.start(ctx)
}

// A tail keeps the end of what a process has said.
type tail struct {
	mu   sync.Mutex
	buf  []byte
	also io.Writer
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.also != nil {
		t.also.Write(b)
	}
	const keep = 8 << 10
	t.buf = append(t.buf, b...)
	if n := len(t.buf) - keep; n > 0 {
		t.buf = append(t.buf[:0], t.buf[n:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}
