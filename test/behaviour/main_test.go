package behaviour

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// scratch is a folder for this run.
var scratch string

func TestMain(m *testing.M) {
	if data := os.Getenv(processVariable); data != "" {
		os.Exit(serveProcess(data))
	}
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen { // the tests wait for the wire and the clock, not for the processor
		_ = flag.Set("test.parallel", "16")
	}
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "gridmq-behaviour"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	code := m.Run()
	for engine, h := range shared.houses {
		if err := h.close(); err != nil {
			fmt.Fprintf(os.Stderr, "the shared broker on %s: %v\n", engine, err)
			code = max(code, 1)
		}
	}
	if left := leftBehind(); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "goroutines of the broker are left:\n%s\n", strings.Join(left, "\n\n"))
		code = max(code, 1)
	}
	return code
}

// leftBehind lists the broker's goroutines that still run although every
// broker has stopped.
func leftBehind() (left []string) {
	for range 100 {
		left = left[:0]
		stacks := make([]byte, 8<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for stack := range strings.SplitSeq(string(stacks), "\n\n") {
			for _, room := range []string{"gridmq/broker.", "gridmq/listener.", "gridmq/server.", "gridmq/store"} {
				if strings.Contains(stack, room) {
					left = append(left, stack)
					break
				}
			}
		}
		if len(left) == 0 {
			return nil
		}
		<-time.After(20 * time.Millisecond)
	}
	return left
}
