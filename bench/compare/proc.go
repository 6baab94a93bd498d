//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpu is the user and system time that the system has accounted to the broker so
// far, predecessors that were killed included.
func (p *process) cpu() (time.Duration, error) {
	used, err := cpuOf(p.cmd.Process.Pid)
	return p.past + used, err
}

// cpuOf reads the CPU clock of a process. It is the same account as utime and
// stime in /proc/PID/stat, which are cut to 10 ms each; some phases take 300 ms.
func cpuOf(pid int) (time.Duration, error) {
	// MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) of the kernel; clock_getcpuclockid(3).
	clock := ^int32(pid)<<3 | 2
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// calls is how many system calls of the read and write family the broker's
// present process has made, on sockets and files.
func (p *process) calls() (n uint64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	return callsIn(b)
}

// callsIn adds up what /proc/PID/io tells.
func callsIn(io []byte) (n uint64) {
	in := bufio.NewScanner(bytes.NewReader(io))
	for in.Scan() {
		var k uint64
		switch name, value, _ := strings.Cut(in.Text(), ":"); name {
		case "syscr", "syscw":
			fmt.Sscan(value, &k)
			n += k
		}
	}
	return n
}

// memory is the broker's.
func (p *process) memory() (rss, peak float64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	return memoryIn(b)
}

// memoryIn is the resident memory now and at its highest, in KiB, as
// /proc/PID/status tells it.
func memoryIn(status []byte) (rss, peak float64) {
	in := bufio.NewScanner(bytes.NewReader(status))
	for in.Scan() {
		name, value, _ := strings.Cut(in.Text(), ":")
		switch name {
		case "VmRSS":
			fmt.Sscan(value, &rss)
		case "VmHWM":
			fmt.Sscan(value, &peak)
		}
	}
	return rss, peak
}
