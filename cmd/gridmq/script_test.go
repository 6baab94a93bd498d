package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gridmq/internal/freeport"
	"gridmq/server"
)

// waitReady DIR waits until the broker on a data directory is ready.
func waitReady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitready DIR")
	}
	for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
		if _, err := server.ReadReadyFile(ts.MkAbs(args[0])); err == nil {
			return
		}
	}
	ts.Fatalf("%s is not ready after 20 s", args[0])
}

// waitFiles N PATTERN waits until there are so many files.
func waitFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfiles N PATTERN")
	}
	for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
		if list, err := filepath.Glob(ts.MkAbs(args[1])); err == nil && strconv.Itoa(len(list)) == args[0] {
			return
		}
	}
	ts.Fatalf("there are not %s files %s after 20 s", args[0], args[1])
}

// freePort VARIABLE sets it to a port that nobody listens on.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VARIABLE")
	}
	port, err := freeport.TCP()
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(port))
}

// waitPort PORT waits until somebody listens on it.
func waitPort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitport PORT")
	}
	for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+args[0]); err == nil {
			c.Close()
			return
		}
	}
	ts.Fatalf("nobody listens on port %s after 20 s", args[0])
}

// waitMetric DIR LINE waits until the metrics of a broker have a line.
func waitMetric(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitmetric DIR LINE")
	}
	r, err := server.ReadReadyFile(ts.MkAbs(args[0]))
	ts.Check(err)
	for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
		answer, err := http.Get("http://" + r.Operations + "/metrics")
		ts.Check(err)
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		ts.Check(err)
		if slices.Contains(strings.Split(string(text), "\n"), args[1]) {
			return
		}
	}
	ts.Fatalf("the metrics do not have %q after 20 s", args[1])
}

// expand FILE puts variables into it.
func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: expand FILE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(os.Expand(ts.ReadFile(args[0]), ts.Getenv)), 0o600))
}

// setAddresses DIR sets $MQTT, $MQTTPORT, $MQTTS, $WS, $WSS, $CA and $PID from
// what the broker on a data directory says of itself.
func setAddresses(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: addresses DIR")
	}
	r, err := server.ReadReadyFile(ts.MkAbs(args[0]))
	ts.Check(err)
	for name, address := range map[string]string{"MQTT": r.MQTT, "MQTTS": r.MQTTS, "WS": r.WS, "WSS": r.WSS} {
		if address == "" { // none of this kind
			continue
		}
		_, port, err := net.SplitHostPort(address)
		ts.Check(err)
		ts.Setenv(name, address)
		ts.Setenv(name+"PORT", port)
	}
	ts.Setenv("CA", ts.MkAbs(r.CA))
}

var signals = map[string]syscall.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}

// sendSignal NAME DIR signals the broker on a data directory.
func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal TERM|HUP|KILL DIR")
	}
	r, err := server.ReadReadyFile(ts.MkAbs(args[1]))
	ts.Check(err)
	p, err := os.FindProcess(r.PID)
	ts.Check(err)
	ts.Check(p.Signal(signals[args[0]]))
	if args[0] == "KILL" { // a killed process leaves its word behind
		ts.Check(os.Remove(filepath.Join(ts.MkAbs(args[1]), server.ReadyFile)))
	}
}
