//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// oneLine tells a run while others are still to come.
func oneLine(w workload, samples []sample) string {
	var parts []string
	for i, s := range samples {
		if s.err != nil {
			return "failed: " + oneLineOf(s.err)
		}
		row := w.rows[i]
		if row.connections {
			parts = append(parts, fmt.Sprintf("%s %.0f/s, %.0f µs CPU and %.1f KiB each", row.phase, s.rate(), s.perMillion(), s.each()))
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s/s, %.2f CPU-s/M", row.phase, thousands(s.rate()), s.perMillion()))
	}
	r := samples[0].res
	if w.is("latency") && r.Latency != nil {
		parts = append(parts, "p99 "+short(r.Latency.P99))
	}
	if r.Expected > 0 {
		parts = append(parts, thousands(float64(r.Lost))+" lost")
	}
	if r.Duplicates > 0 && w.events != nil {
		parts = append(parts, thousands(float64(r.Duplicates))+" twice")
	}
	return strings.Join(parts, "; ")
}

// columns of the table of messages, and of that of connections.
var (
	messageColumns    = []string{"scenario", "broker", "msg/s", "lost", "CPU-s/M", "ratio", "calls", "peak RSS", "p50", "p99", "p99.9"}
	connectionColumns = []string{"scenario", "broker", "connects/s", "CPU µs/connect", "ratio", "KiB/connection", "peak RSS", "p50", "p99", "p99.9"}
	goalColumns       = []string{"scenario", "number", "measured", "goal", "result", "aim", "aim reached"}
)

// lines are the rows of the table for messages or for connections.
func (r *results) lines(connections bool) (lines [][]string) {
	r.eachRow(func(w workload, i int) {
		if w.rows[i].connections != connections {
			return
		}
		for _, b := range r.setup.brokers {
			if len(r.samples[key{w.name, i, b.name()}]) > 0 {
				lines = append(lines, append([]string{w.title(i), b.name()}, r.cells(w, i, b.name())...))
			}
		}
	})
	return lines
}

func (r *results) cells(w workload, i int, broker string) []string {
	s := r.summary(w, i, broker)
	if s.rounds == 0 {
		return []string{"failed"}
	}
	ratio, lost := "", ""
	if broker == self {
		x := r.ratio(w, i)
		if math.IsNaN(x) {
			x = s.perMillion / r.summary(w, i, "base").perMillion
		}
		if !math.IsNaN(x) {
			ratio = fmt.Sprintf("%.2f", x)
		}
	}
	if w.rows[i].delivers {
		lost = thousands(float64(s.lost))
	}
	latency := []string{short(s.p50), short(s.p99), short(s.p999)}
	if w.is("sessions") || w.is("retained") {
		latency = []string{"", "", ""} // the time spent in a queue says nothing
	}
	if w.rows[i].connections {
		return append([]string{thousands(s.rate), perMillion(s), ratio, fmt.Sprintf("%.1f", s.rssPerUnit), mib(s.peak)}, latency...)
	}
	return append([]string{thousands(s.rate), lost, perMillion(s), ratio, decimals(s.calls), mib(s.peak)}, latency...)
}

// decimals prints a small number; NaN as nothing.
func decimals(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf("%.3g", v)
}

// perMillion prints what was spent on a million, if anything was done.
func perMillion(s summary) string {
	switch {
	case s.rate == 0 || math.IsNaN(s.rate):
		return ""
	case s.perMillion >= 100:
		return fmt.Sprintf("%.0f", s.perMillion)
	}
	return fmt.Sprintf("%.2f", s.perMillion)
}

// goalLines are GridMQ's numbers against their goals.
func (r *results) goalLines() (lines [][]string) {
	r.eachRow(func(w workload, i int) {
		for _, f := range r.findings(w, i) {
			aimed := ""
			if f.aim != "" {
				aimed = "not yet"
				if f.aimed {
					aimed = "yes"
				}
			}
			lines = append(lines, []string{w.title(i), f.what, f.measured, f.goal, string(f.result), f.aim, aimed})
		}
	})
	return lines
}

// markdown aligns a table, so that it can be read as it is too. The first two
// columns are text. A line may end early.
func markdown(columns []string, lines [][]string) string {
	if len(lines) == 0 {
		return ""
	}
	width := make([]int, len(columns))
	for _, line := range append([][]string{columns}, lines...) {
		for i, cell := range line {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	write := func(cells []string) {
		for i := range columns {
			cell := ""
			if i < len(cells) {
				cell = cells[i]
			}
			pad := strings.Repeat(" ", width[i]-len([]rune(cell)))
			if i < 2 {
				cell += pad
			} else {
				cell = pad + cell
			}
			b.WriteString("| " + cell + " ")
		}
		b.WriteString("|\n")
	}
	write(columns)
	for i := range columns {
		rule := strings.Repeat("-", width[i])
		if i >= 2 {
			rule = rule[:len(rule)-1] + ":"
		}
		b.WriteString("| " + rule + " ")
	}
	b.WriteString("|\n")
	for _, line := range lines {
		write(line)
	}
	return b.String() + "\n"
}

// tables are all three tables, and what failed, in Markdown.
func (r *results) tables() string {
	var b strings.Builder
	b.WriteString(markdown(messageColumns, r.lines(false)))
	b.WriteString(markdown(connectionColumns, r.lines(true)))
	b.WriteString(markdown(turnColumns, r.turnLines()))
	b.WriteString(markdown(goalColumns, r.goalLines()))
	r.eachRow(func(w workload, i int) {
		for _, broker := range r.setup.brokers {
			if s := r.summary(w, i, broker.name()); s.err != nil {
				fmt.Fprintf(&b, "* %s: %s failed: %s\n", w.title(i), broker.name(), oneLineOf(s.err))
			}
		}
	})
	return b.String()
}

// print writes what matters to the terminal.
func (r *results) print(w io.Writer) {
	io.WriteString(w, "\n"+r.tables())
	reached, missing := r.goals()
	if reached+len(missing) > 0 {
		fmt.Fprintf(w, "\nGoals: %d met, %d missed\n", reached, len(missing))
	}
	for _, line := range missing {
		fmt.Fprintln(w, "  missed:", line)
	}
	if r.setup.rounds < 3 {
		fmt.Fprintln(w, "\nFewer than three rounds: good to see whether things work, too few to tell a number.")
	}
}

func mib(kib float64) string {
	if math.IsNaN(kib) {
		return ""
	}
	return fmt.Sprintf("%.0f MiB", kib/1024)
}

// short prints seconds with three digits and a fitting unit; NaN as nothing.
func short(seconds float64) string {
	switch {
	case math.IsNaN(seconds):
		return ""
	case seconds >= 1:
		return fmt.Sprintf("%.2f s", seconds)
	case seconds >= 1e-3:
		return fmt.Sprintf("%.3g ms", seconds*1e3)
	default:
		return fmt.Sprintf("%.3g µs", seconds*1e6)
	}
}

// thousands prints a rate with a comma before every three digits.
func thousands(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
