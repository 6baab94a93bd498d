package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	plane "gridmq/control/client"
	"gridmq/control/manifest"
)

// A teller says what happens to resources: each on a line of its own, differences
// below it, faults on standard error.
type teller struct {
	out, errs     io.Writer
	dryRun, quiet bool

	count  map[string]int
	losers map[string]bool
	denied int // failures that are the server's refusal of the caller
	told   atomic.Int64
}

// words for what happened, and for what would.
var words = map[string][2]string{
	opCreate: {"created", "would create"}, opChange: {"changed", "would change"}, opDelete: {"deleted", "would delete"},
	opUnchanged: {"unchanged", "unchanged"}, opAbsent: {"not there", "not there"},
	opFailed: {"failed", "would fail"}, opSkipped: {"not tried", "not tried"},
}

func (t *teller) word(operation string) string {
	if t.dryRun {
		return words[operation][1]
	}
	return words[operation][0]
}

func (t *teller) tell(c change) {
	if t.count == nil {
		t.count, t.losers = map[string]int{}, map[string]bool{}
	}
	t.count[c.operation]++
	t.told.Add(1)
	if c.operation == opUnchanged && t.quiet && len(c.notes) == 0 {
		return
	}
	fmt.Fprintf(t.out, "%s %s\n", t.word(c.operation), c.resource)
	for _, d := range c.differences {
		fmt.Fprintf(t.out, "    %s\n", d)
	}
	for _, l := range c.losses {
		t.loss(l)
	}
	for _, note := range c.notes {
		fmt.Fprintf(t.errs, "gridmq: warning: %s\n", note)
	}
	if c.err != nil {
		t.fault(c)
	}
}

func (t *teller) loss(l loss) {
	t.losers[l.client+"\x00"+l.session] = true
	verb := "loses"
	if t.dryRun {
		verb = "would lose"
	}
	who := l.client
	if l.session != "" && l.session != l.client {
		who += " (client id " + l.session + ")"
	}
	line := fmt.Sprintf("%s %s %s", who, verb, l.what)
	if l.reason != "" {
		line += ": " + l.reason
	}
	fmt.Fprintf(t.out, "    %s\n", printableText(line, widestLast))
}

// fault says what the server refused, each at its place in the file.
func (t *teller) fault(c change) {
	refusal, ok := errors.AsType[*plane.Error](c.err)
	if !ok {
		fmt.Fprintf(t.errs, "gridmq: %s\n", c.resource.Fault("", c.err.Error()))
		return
	}
	if refusal.Status == 401 || refusal.Status == 403 {
		t.denied++
	}
	for _, f := range faultsOf(c.resource, refusal) {
		fmt.Fprintf(t.errs, "gridmq: %s\n", f)
	}
}

// faultsOf are the server's words at the places that they are about.
func faultsOf(r *manifest.Resource, refusal *plane.Error) (list []*manifest.Fault) {
	add := func(target, message string) {
		message = strings.TrimPrefix(message, target+": ")
		if refusal.Status == 412 {
			message = "somebody else has changed it meanwhile; try again"
			target = ""
		}
		list = append(list, r.Fault(target, message))
	}
	for _, d := range refusal.Details {
		add(d.Target, d.Message)
	}
	if len(list) == 0 {
		add(refusal.Target, refusal.Message)
	}
	return list
}

// finish sums up, and makes the exit code of what happened. err is why it ended
// early.
func (t *teller) finish(err error) error {
	var parts []string
	for _, operation := range []string{opCreate, opChange, opDelete, opUnchanged, opAbsent, opFailed, opSkipped} {
		if n := t.count[operation]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, t.summary(operation)))
		}
	}
	if n := len(t.losers); n > 0 && t.dryRun {
		parts = append(parts, fmt.Sprintf("live clients that would lose something: %d", n))
	} else if n > 0 {
		parts = append(parts, fmt.Sprintf("live clients that lose something: %d", n))
	}
	if len(parts) > 0 {
		fmt.Fprintln(t.errs, strings.Join(parts, ", "))
	}
	failed := t.count[opFailed]
	switch {
	case err != nil:
		return err
	case failed > 0 && failed == t.denied:
		return &exitError{exitRefused, fmt.Errorf("the token does not allow it for %d of the resources", failed)}
	case failed > 0:
		return &exitError{exitDenied, fmt.Errorf("%d of the resources failed", failed)}
	}
	return nil
}

func (t *teller) summary(operation string) string {
	if !t.dryRun {
		return words[operation][0]
	}
	if verb, would := strings.CutPrefix(words[operation][1], "would "); would {
		return "to " + verb
	}
	return words[operation][1]
}
