package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run this test binary as gridmq.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gridmq": main})
}

// TestScripts runs testdata/script: the commands as a user types them.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		// A binary with the race detector sleeps a second before it exits, for reports of other
		// threads; there are a hundred commands here.
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", "atexit_sleep_ms=20")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitready":  waitReady,
			"waitfiles":  waitFiles,
			"addresses":  setAddresses,
			"signal":     sendSignal,
			"freeport":   freePort,
			"expand":     expand,
			"waitport":   waitPort,
			"waitmetric": waitMetric,
			"eventhub":   eventHub,
			"readhub":    readHub,
		},
	})
}
