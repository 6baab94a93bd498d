//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// options is the command line.
type options struct {
	workloads []workload
	chosen    []string // brokers, by name
	rounds    int
	duration  time.Duration
	gridmq    string   // binary; "": to be built
	base      string   // another binary of GridMQ
	mosquitto string   // binary; "": to be found
	settings  []string // path=value for GridMQ, both binaries
	parent    string   // of the folder with data folders
	out       string   // of the report; "": none
	note      string
	list      bool
	verbose   bool
}

const usage = `compare puts the same load on GridMQ and on Debian's mosquitto, in turn, and tells
what each costs. Brokers are started as processes of their own, with fresh data
folders, and ended. "make bench" builds gridmq and starts this.

Usage: go run ./bench/compare [flags]

  go run ./bench/compare                                    # everything: 35 minutes, writes bench/RESULTS.md
  go run ./bench/compare -list                              # the scenarios
  go run ./bench/compare -scenarios pairs,idle -rounds 1    # pairs-q0, pairs-q1, ..., idle, idle-tls
  go run ./bench/compare -brokers gridmq -scenarios fanin -v
  go run ./bench/compare -brokers gridmq -scenarios events  # routing, HTTP, pull, push: only GridMQ has them
  go run ./bench/compare -brokers gridmq,base -base /tmp/gridmq-before -rounds 5
  go run ./bench/compare -brokers gridmq -set store.durability=relaxed -scenarios sessions

Exit codes: 0 measured; 1 wrong flags, or GridMQ failed or lost messages. That a
number was missed is told but is no failure.

Flags:
`

// parseOptions reads the command line. Help goes to w, with flag.ErrHelp.
func parseOptions(args []string, w io.Writer) (o options, err error) {
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.SetOutput(io.Discard) // a mistake is told once, and without the whole help
	scenarios := f.String("scenarios", "", "comma-separated `names` (default: all); a name that others begin with, as pairs, means all of them")
	brokers := f.String("brokers", "", "comma-separated `brokers` to run: gridmq, base, mosquitto, mosquitto-nodelay (default: all but base)")
	f.IntVar(&o.rounds, "rounds", 3, "how `often` each scenario is measured with each broker")
	f.DurationVar(&o.duration, "duration", 4*time.Second, "measured `time` of scenarios of steady traffic")
	f.StringVar(&o.gridmq, "gridmq", "", "`file` of the gridmq binary (default: it is built from this checkout)")
	f.StringVar(&o.base, "base", "", "`file` of another gridmq binary, as of the commit before: the broker \"base\"")
	f.StringVar(&o.mosquitto, "mosquitto", "", "`file` of the mosquitto binary (default: it is looked for)")
	f.Func("set", "`path=value` of a setting for gridmq and base; may be repeated (default: none, as in production)", func(v string) error {
		if name, _, ok := strings.Cut(v, "="); !ok || name == "" {
			return fmt.Errorf("want path=value")
		}
		o.settings = append(o.settings, v)
		return nil
	})
	f.StringVar(&o.parent, "dir", defaultDir(), "`folder` for data: on a real disk, or durability is not what it says")
	f.StringVar(&o.out, "out", "", "`file` for the report (default: bench/RESULTS.md when everything is run, three rounds or more; else none)")
	f.StringVar(&o.note, "note", "", "a `sentence` for the report, as what else the machine did")
	f.BoolVar(&o.list, "list", false, "list the scenarios and end")
	f.BoolVar(&o.verbose, "v", false, "show all progress of the load, and what the brokers log")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(w)
		fmt.Fprint(w, usage)
		f.PrintDefaults()
		fmt.Fprintln(w)
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w (-h helps)", err)
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected %q: scenarios are named with -scenarios %s", f.Arg(0), strings.Join(f.Args(), ","))
	}
	if o.rounds < 1 || o.duration <= 0 {
		return o, fmt.Errorf("-rounds %d and -duration %v: both have to be above 0", o.rounds, o.duration)
	}
	if o.workloads, err = choose(*scenarios); err != nil {
		return o, err
	}
	if o.chosen, err = chooseBrokers(*brokers, o.base); err != nil {
		return o, err
	}
	if o.out == "" && *scenarios == "" && *brokers == "" && len(o.settings) == 0 && o.rounds >= 3 {
		o.out = filepath.Join("bench", "RESULTS.md")
	}
	return o, nil
}

// choose finds the workloads by name, or by the name before a dash, in the order
// of the table. No names mean all.
func choose(names string) ([]workload, error) {
	all := workloads()
	if names == "" {
		return all, nil
	}
	wanted := make(map[string]bool)
	for _, name := range split(names) {
		exact := slices.ContainsFunc(all, func(w workload) bool { return w.name == name })
		found := false
		for _, w := range all {
			if w.name == name || !exact && strings.HasPrefix(w.name, name+"-") {
				wanted[w.name], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("unknown scenario %q: -list shows them", name)
		}
	}
	return slices.DeleteFunc(all, func(w workload) bool { return !wanted[w.name] }), nil
}

// split cuts a list at its commas, spaces around them included.
func split(list string) (parts []string) {
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// self is the broker that goals are about.
const self = "gridmq"

// The brokers by name, in the order of the table.
var allBrokers = []string{self, "base", "mosquitto", "mosquitto-nodelay"}

func chooseBrokers(list, base string) ([]string, error) {
	if list == "" {
		return slices.DeleteFunc(slices.Clone(allBrokers), func(name string) bool { return name == "base" && base == "" }), nil
	}
	names := split(list)
	for _, name := range names {
		if !slices.Contains(allBrokers, name) {
			return nil, fmt.Errorf("unknown broker %q: want %s", name, strings.Join(allBrokers, ", "))
		}
	}
	if slices.Contains(names, "base") && base == "" {
		return nil, fmt.Errorf("the broker base needs -base FILE")
	}
	return slices.DeleteFunc(slices.Clone(allBrokers), func(name string) bool { return !slices.Contains(names, name) }), nil
}
