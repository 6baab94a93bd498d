//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A guideShell is bash in an empty folder, on a network of its own if possible: its ports
// are those that a reader has, whatever else runs on this machine.
type guideShell struct {
	t    *testing.T
	dir  string
	in   io.WriteCloser
	out  *bufio.Reader
	end  string // a line that ends what a command has printed
	stop func()
}

// guidePatience is for one command; all are done in a few seconds.
const guidePatience = 60 * time.Second

func newGuideShell(t *testing.T) *guideShell {
	t.Helper()
	s := &guideShell{t: t, dir: t.TempDir(), end: "-- end of a command of the guide --"}
	words := append(enclosed(t), "bash", "--noprofile", "--norc")
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin", "LC_ALL=C.UTF-8", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatalf("start a shell: %v", err)
	}
	w.Close()
	s.in, s.out = in, bufio.NewReader(out)
	s.stop = sync.OnceFunc(func() {
		in.Close()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with the brokers that it has started
		_ = cmd.Wait()
		out.Close()
	})
	t.Cleanup(s.stop)
	return s
}

// onlyGuide is held by a guide that shares the machine's network.
var onlyGuide sync.Mutex

// enclosed is the command that runs another one on a network of its own. Where nobody may
// have one it is nothing: guides then go one by one on the ports of this machine.
func enclosed(t *testing.T) []string {
	alone := []string{"unshare", "--net"}
	if os.Getuid() != 0 {
		alone = append(alone, "--map-root-user")
	}
	alone = append(alone, "sh", "-c", `ip link set lo up && exec "$@"`, "guide")
	out, err := exec.Command(alone[0], append(alone[1:], "true")...).CombinedOutput()
	if err == nil {
		return alone
	}
	t.Logf("no network of its own: %v %s", err, out)
	onlyGuide.Lock()
	t.Cleanup(onlyGuide.Unlock)
	return nil
}

// run does what a reader would type, and returns what the terminal shows.
func (s *guideShell) run(text string) (lines []string, code int) {
	s.t.Helper()
	timer := time.AfterFunc(guidePatience, s.stop)
	defer timer.Stop()
	if _, err := fmt.Fprintf(s.in, "%s\nprintf '\\n%s%%d\\n' $?\n", text, s.end); err != nil {
		s.t.Fatalf("%s: %v", text, err)
	}
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("%s: no end after %v, or the shell has ended (%v); it printed\n%s", text, guidePatience, err, strings.Join(lines, "\n"))
		}
		line = strings.TrimRight(line, "\n")
		if number, ok := strings.CutPrefix(line, s.end); ok {
			code, err := strconv.Atoi(number)
			if err != nil {
				s.t.Fatal(err)
			}
			for len(lines) > 0 && lines[len(lines)-1] == "" {
				lines = lines[:len(lines)-1]
			}
			return lines, code
		}
		if !killed.MatchString(line) {
			lines = append(lines, line)
		}
	}
}

// killed is how bash tells that what it had started was killed; when, is its affair.
var killed = regexp.MustCompile(`^(?:bash|main): line \d+: +\d+ Killed `)

// script runs lines that all have to succeed, in a shell of their own that leaves no
// variables behind.
func (s *guideShell) script(text string) (lines []string, code int) {
	s.t.Helper()
	return s.run("(set -euo pipefail\n" + text + "\n)")
}

func (s *guideShell) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}
