//go:build linux

// Command compare puts the same load on GridMQ and on Debian's mosquitto, and
// tells what each costs: the yardstick of issue 3. `make bench` starts it.
//
// Brokers run as separate processes, one at a time, in turn, with fresh data
// folders. What a broker costs is what the operating system has accounted to its
// process between the borders of a phase (bench/load says where they are); the
// load generator runs in this process and is not counted. Linux only: it reads
// /proc.
//
// Units: CPU is seconds of user and system time; memory is what the kernel calls
// VmHWM and VmRSS.
// Errors: a run that fails is a sample with an error and a line in the table;
// only what makes all runs useless ends the program.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

// A setup is what all runs share.
type setup struct {
	options
	brokers []broker
	certs   certs
	dir     string // of this run; removed at its end
	status  *status
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "compare:", err)
		stop() // os.Exit runs no deferred calls
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o, err := parseOptions(args, os.Stdout)
	if err != nil {
		return err
	}
	if o.list {
		for _, w := range o.workloads {
			fmt.Printf("%-18s %s\n", w.name, w.what)
		}
		return nil
	}
	s := &setup{options: o, status: newStatus(os.Stderr, o.verbose)}
	if s.dir, err = os.MkdirTemp(o.parent, "gridmq-compare-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	if err := s.prepare(ctx); err != nil {
		return err
	}
	res := s.measureAll(ctx)
	res.print(os.Stdout)
	if ctx.Err() != nil {
		return errors.New("interrupted: the tables hold what was measured until then")
	}
	if s.out != "" {
		if err := os.WriteFile(s.out, []byte(res.report()), 0o644); err != nil {
			return err
		}
		fmt.Println("\nwritten to", s.out)
	}
	return res.verdict()
}

// prepare makes certificates, and the brokers ready to be started.
func (s *setup) prepare(ctx context.Context) (err error) {
	raiseFileLimit()
	if s.certs, err = makeCerts(filepath.Join(s.dir, "certs")); err != nil {
		return err
	}
	for _, name := range s.chosen {
		b, err := s.broker(ctx, name)
		if err != nil {
			return err
		}
		s.brokers = append(s.brokers, b)
	}
	return nil
}

func (s *setup) broker(ctx context.Context, name string) (_ broker, err error) {
	switch name {
	case self:
		if s.gridmq == "" {
			if s.gridmq, err = s.build(ctx); err != nil {
				return nil, err
			}
		}
		return gridMQ{label: name, bin: s.gridmq, settings: s.settings, certs: s.certs}, nil
	case "base":
		return gridMQ{label: name, bin: s.base, settings: s.settings, certs: s.certs}, nil
	}
	if s.mosquitto == "" {
		if s.mosquitto, err = findMosquitto(); err != nil {
			return nil, err
		}
	}
	return mosquittoBroker{bin: s.mosquitto, certs: s.certs, noDelay: name == "mosquitto-nodelay"}, nil
}

// build makes the gridmq binary of this checkout.
func (s *setup) build(ctx context.Context) (file string, err error) {
	file = filepath.Join(s.dir, "gridmq")
	s.status.begin("building gridmq")
	build := exec.CommandContext(ctx, "go", "build", "-o", file, "./cmd/gridmq")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build gridmq (run this in the root of the checkout, or name a binary with -gridmq): %w", err)
	}
	s.status.end("done")
	return file, nil
}

// defaultDir is /var/tmp: on many machines /tmp is memory.
func defaultDir() string {
	if st, err := os.Stat("/var/tmp"); err == nil && st.IsDir() {
		return "/var/tmp"
	}
	return os.TempDir()
}

// raiseFileLimit lets this process, and so the brokers it starts, open as many
// files as the system allows.
func raiseFileLimit() {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) == nil {
		l.Cur = l.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l) // openFiles tells what came of it
	}
}

// openFiles is how many files a process may open.
func openFiles() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 1024
	}
	return int(min(l.Cur, 1<<30))
}
