//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// machine describes where we are, one fact to a line.
func machine() []string {
	var facts []string
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		n, model := processorsIn(string(b))
		facts = append(facts, fmt.Sprintf("%d × %s, shared by broker and load generator", n, model))
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int64
		if _, err := fmt.Sscanf(string(b), "MemTotal: %d kB", &kib); err == nil {
			facts = append(facts, fmt.Sprintf("%d GiB of memory", (kib+1<<19)>>20))
		}
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		facts = append(facts, "Linux "+strings.TrimSpace(string(b)))
	}
	return facts
}

// processorsIn counts the processors in /proc/cpuinfo, and names the last.
func processorsIn(cpuinfo string) (n int, model string) {
	model = "unknown CPU"
	for line := range strings.Lines(cpuinfo) {
		name, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(name) {
		case "model name":
			model = strings.TrimSpace(value)
		case "processor":
			n++
		}
	}
	return n, model
}

// tick is the unit of /proc/stat: Linux has said 100 to user space since 2.6.
const tick = 10 * time.Millisecond

// An account is what the system has spent, and what of it was ours.
type account struct {
	at          time.Time
	busy, steal time.Duration // of all processors; steal went to other virtual machines
	ours        time.Duration // this process and the brokers that have ended
}

// takeAccount reads the present state; the zero account where that fails.
func takeAccount() account {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return account{}
	}
	a, err := accountIn(b)
	if err != nil {
		return account{}
	}
	a.at = time.Now()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			a.ours += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return a
}

// accountIn reads the first line of /proc/stat.
func accountIn(stat []byte) (a account, err error) {
	first, _, _ := bytes.Cut(stat, []byte("\n"))
	var user, nice, system, idle, iowait, irq, softirq, steal int64
	_, err = fmt.Sscanf(string(first), "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal)
	return account{busy: time.Duration(user+nice+system) * tick, steal: time.Duration(steal) * tick}, err
}

// others is the share of the machine that went elsewhere while we measured.
type others struct{ processes, steal float64 }

func (a account) until(b account) others {
	all := b.at.Sub(a.at).Seconds() * float64(runtime.NumCPU())
	if a.at.IsZero() || b.at.IsZero() || all <= 0 {
		return others{}
	}
	return others{
		processes: max(0, (b.busy-a.busy-(b.ours-a.ours)).Seconds()/all),
		steal:     max(0, (b.steal-a.steal).Seconds()/all),
	}
}

func (o others) String() string {
	return fmt.Sprintf("of the machine's CPU time, other processes took %.0f %% meanwhile, and the host (steal) %.0f %%", 100*o.processes, 100*o.steal)
}
