package robustness

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gridmq/server"
)

// A process is a broker of its own, on a data folder that outlives it.
type process struct {
	t       *testing.T
	binary  string
	data    string
	args    []string
	logPath string
	allowed *regexp.Regexp // warnings that belong to the test

	cmd    *exec.Cmd
	exited chan struct{} // closed when cmd has ended
	ready  atomic.Pointer[server.Readiness]
	deaths atomic.Int64 // how often it was killed; counted before
}

// newProcess prepares a broker; start starts it. When the test ends the broker
// is killed, and what it has logged is judged.
func newProcess(t *testing.T, binary string, args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{t: t, binary: binary, data: filepath.Join(dir, "data"), logPath: filepath.Join(dir, "log"), args: args}
	t.Cleanup(func() {
		p.kill()
		p.judgeLog()
	})
	return p
}

// launch starts the broker and returns at once.
func (p *process) launch() {
	p.t.Helper()
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	args := append([]string{"serve", "--dev", "--free-ports", "--data", p.data}, p.args...)
	p.cmd = exec.Command(p.binary, args...)
	p.cmd.Stderr = log
	p.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GRIDMQ_") }) // they are settings
	p.cmd.SysProcAttr = childOfTest()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start the broker: %v", err)
	}
	cmd, exited := p.cmd, make(chan struct{})
	p.exited = exited
	go func() { // until the process has ended
		_ = cmd.Wait()
		close(exited)
	}()
}

// start starts the broker and waits until it is ready. It returns how long
// that took.
func (p *process) start() time.Duration {
	p.t.Helper()
	begin := time.Now()
	p.launch()
	for {
		if r, err := server.ReadReadyFile(p.data); err == nil && r.PID == p.cmd.Process.Pid {
			p.ready.Store(&r)
			return time.Since(begin)
		}
		select {
		case <-p.exited:
			p.t.Fatalf("the broker ended before it was ready:\n%s", p.logTail())
		case <-time.After(2 * time.Millisecond):
		}
		if time.Since(begin) > time.Minute {
			p.t.Fatalf("the broker is not ready after a minute:\n%s", p.logTail())
		}
	}
}

// kill ends the broker as a power switch would.
func (p *process) kill() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	p.deaths.Add(1)
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// stop ends the broker as an operator would, and wants exit code 0.
func (p *process) stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(40 * time.Second):
		p.kill()
		p.t.Fatalf("the broker did not stop within 40 s after SIGTERM:\n%s", p.logTail())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("exit code after SIGTERM = %d, want 0:\n%s", code, p.logTail())
	}
}

// dial opens a plain connection to whichever broker runs at the moment.
func (p *process) dial(ctx context.Context) (net.Conn, error) {
	r := p.ready.Load()
	if r == nil {
		return nil, fmt.Errorf("no broker is ready")
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", r.MQTT)
}

// status is a line of /proc/PID/status, in KiB: VmRSS, VmHWM (its peak).
func (p *process) status(field string) int {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatalf("read the broker's memory: %v", err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
	}
	p.t.Fatalf("no %s in the status of the broker", field)
	return 0
}

// mib is status in MiB.
func (p *process) mib(field string) int { return p.status(field) >> 10 }

// metric sums the samples of a metric; labels must all occur in the sample.
func (p *process) metric(name string, labels ...string) float64 {
	p.t.Helper()
	resp, err := http.Get("http://" + p.ready.Load().Operations + "/metrics")
	if err != nil {
		p.t.Fatalf("read the metrics: %v", err)
	}
	defer resp.Body.Close()
	sum := 0.0
next:
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		line := s.Text()
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(rest, l) {
				continue next
			}
		}
		v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			p.t.Fatalf("metric %q: %v", line, err)
		}
		sum += v
	}
	return sum
}

// suspicious is what a broker must not have to say when only its process was
// killed: anything lost, damaged, failed or raced.
var suspicious = regexp.MustCompile(`level=(WARN|ERROR)|panic:|fatal error:|DATA RACE|goroutine \d+ \[`)

// expected warns about --dev.
var expected = regexp.MustCompile(`DEV MODE|every CONNECT is refused`)

// judgeLog fails the test for each suspicious line, up to a few.
func (p *process) judgeLog() {
	b, err := os.ReadFile(p.logPath)
	if err != nil {
		return // it was never started
	}
	said := 0
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if !suspicious.Match(line) || expected.Match(line) || p.allowed != nil && p.allowed.Match(line) {
			continue
		}
		if said++; said <= 20 {
			p.t.Errorf("the broker logged: %s", line)
		}
	}
	if said > 20 {
		p.t.Errorf("... and %d more lines", said-20)
	}
	if p.t.Failed() {
		p.t.Logf("end of the broker's log:\n%s", p.logTail())
	}
}

func (p *process) logTail() string {
	b, _ := os.ReadFile(p.logPath)
	return string(b[max(0, len(b)-4000):])
}
