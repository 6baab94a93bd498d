package behaviour

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gridmq/mqtt"
	"gridmq/server"
)

// A test binary that finds these is a broker on that data folder, with settings (one
// a line), and with so many file descriptors.
const (
	attackedVariable   = "GRIDMQ_ATTACKED_DATA"
	settingsVariable   = "GRIDMQ_ATTACKED_SETTINGS"
	descriptorVariable = "GRIDMQ_ATTACKED_FILES"
)

// init comes before TestMain, which would run the tests.
func init() {
	if data := os.Getenv(attackedVariable); data != "" {
		if err := serveAttacked(data); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

func serveAttacked(data string) error {
	if n, err := strconv.ParseUint(os.Getenv(descriptorVariable), 10, 32); err == nil {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			return err
		}
	}
	h := house{engine: "pebble", dir: data, settings: strings.Split(os.Getenv(settingsVariable), "\n")}
	scratch = data // the CA
	cfg, err := h.config()
	if err != nil {
		return err
	}
	srv, err := server.New(cfg, server.Options{Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1}))})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return srv.Run(ctx)
}

// A fortress is a siege of a process, so that its memory can be seen, and that our
// own descriptors and processors are not all of its.
type fortress struct {
	*siege
	cmd    *exec.Cmd
	exited chan error
}

func fortified(t *testing.T, files int, settings ...string) *fortress {
	t.Helper()
	settings = append([]string{"operations.enabled=true", "operations.address=127.0.0.1:0", "listeners.mqtts.namespace=default"}, settings...)
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), attackedVariable+"="+dir, settingsVariable+"="+strings.Join(settings, "\n"), fmt.Sprint(descriptorVariable, "=", files))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("start a broker: %v", err)
	}
	f := &fortress{&siege{env: &env{T: t, row: row{v5, "tls", "pebble"}, prefix: t.Name()}, denied: map[mqtt.Code]float64{}}, cmd, make(chan error, 1)}
	go func() { f.exited <- cmd.Wait() }() // until the process ends
	t.Cleanup(f.end)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		r, err := server.ReadReadyFile(filepath.Join(dir, "data"))
		if err == nil && r.PID == cmd.Process.Pid {
			r.Listeners["operations"] = server.Address{Address: r.Operations}
			r.Listeners["management"] = server.Address{Address: strings.TrimPrefix(r.Management, "https://"), URL: r.Management}
			f.house = &house{engine: "pebble", dir: dir, addresses: r.Listeners}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the broker is not ready: %v", err)
		}
	}
	pem, err := os.ReadFile(filepath.Join(dir, "ca", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	f.manage(pem)
	return f
}

// end wants a broker that has survived and stops when it is told.
func (f *fortress) end() {
	_ = f.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-f.exited:
		if err != nil {
			f.Errorf("the broker's end: %v", err)
		}
	case <-time.After(patience):
		_ = f.cmd.Process.Kill()
		f.Error("the broker does not end")
	}
}

// memory is a line of /proc/<pid>/status in bytes, as VmRSS now and VmHWM at most.
func (f *fortress) memory(line string) int {
	f.Helper()
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", f.cmd.Process.Pid))
	if err != nil {
		if os.Getenv("CI") == "true" {
			f.Fatalf("the memory of a process cannot be seen: %v", err)
		}
		f.Skipf("the memory of a process cannot be seen here: %v", err)
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), line+":"); ok {
			n, _ := strconv.Atoi(strings.Fields(text)[0])
			return n << 10
		}
	}
	return 0
}
