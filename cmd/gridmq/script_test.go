package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

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
