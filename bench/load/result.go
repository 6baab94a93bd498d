package load

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A Result is what came of a run. Counts concern the whole run, rates and
// latencies only what was measured (after the warm-up).
type Result struct {
	Scenario    string  `json:"scenario"`
	Version     string  `json:"version"`
	QoS         int     `json:"qos"`
	Size        int     `json:"size"`
	Publishers  int     `json:"publishers,omitempty"`
	Subscribers int     `json:"subscribers,omitempty"`
	Persistent  bool    `json:"persistent,omitempty"`
	Rate        float64 `json:"rate_asked,omitempty"`

	// Expected deliveries follow from what was sent (QoS 0) or acknowledged;
	// Delivered are the different ones that arrived.
	Sent       uint64 `json:"sent"`
	Expected   uint64 `json:"expected"`
	Delivered  uint64 `json:"delivered"`
	Lost       uint64 `json:"lost"`
	Duplicates uint64 `json:"duplicates"`
	OutOfOrder uint64 `json:"out_of_order"`
	// SessionsLost counts persistent sessions that were not there any more.
	SessionsLost int `json:"sessions_lost,omitempty"`
	// Refused counts acknowledgements with an error code, Refusal names the last.
	Refused int    `json:"refused,omitempty"`
	Refusal string `json:"refusal,omitempty"`

	Phases  []Phase  `json:"phases"`
	Latency *Latency `json:"latency,omitempty"`
}

// A Phase is a part of a run that is measured by itself.
type Phase struct {
	Name string `json:"name"`
	// Units is what was done: deliveries, or what Unit says.
	Units   uint64  `json:"units"`
	Unit    string  `json:"unit"`
	Seconds float64 `json:"seconds"`
	// Acks and Deliveries are of each time of a phase that comes several times: from a
	// message to its PUBACK, and to an MQTT subscriber.
	Acks       []*Latency `json:"acks,omitempty"`
	Deliveries []*Latency `json:"deliveries,omitempty"`
}

// phase finds a phase by name, or appends it.
func (r *Result) phase(name, unit string) *Phase {
	for i := range r.Phases {
		if r.Phases[i].Name == name {
			return &r.Phases[i]
		}
	}
	r.Phases = append(r.Phases, Phase{Name: name, Unit: unit})
	return &r.Phases[len(r.Phases)-1]
}

func (p *Phase) add(units uint64, took time.Duration) {
	p.Units += units
	p.Seconds += took.Seconds()
}

// PerSecond is the rate of the phase.
func (p Phase) PerSecond() float64 {
	if p.Seconds == 0 {
		return 0
	}
	return float64(p.Units) / p.Seconds
}

// Latency holds percentiles in seconds. What it measures is Of.
type Latency struct {
	Of    string  `json:"of"`
	Count uint64  `json:"count"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

func latencyOf(of string, h *Histogram) *Latency {
	if h.Count() == 0 {
		return nil
	}
	return &Latency{
		Of: of, Count: h.Count(),
		P50: h.Quantile(0.5).Seconds(), P99: h.Quantile(0.99).Seconds(), P999: h.Quantile(0.999).Seconds(),
		Max: h.Max().Seconds(),
	}
}

// Phase finds a phase by name; the zero Phase if there is none.
func (r *Result) Phase(name string) Phase {
	for _, p := range r.Phases {
		if p.Name == name {
			return p
		}
	}
	return Phase{}
}

// Print writes a summary for people.
func (r *Result) Print(w io.Writer) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: MQTT %s, QoS %d, %d-byte payloads", r.Scenario, r.Version, r.QoS, r.Size)
	if r.Publishers > 0 {
		fmt.Fprintf(&b, ", %d publishers", r.Publishers)
	}
	if r.Subscribers > 0 {
		fmt.Fprintf(&b, ", %d subscribers", r.Subscribers)
	}
	if r.Persistent {
		b.WriteString(", persistent sessions")
	}
	b.WriteString("\n")
	for _, p := range r.Phases {
		fmt.Fprintf(&b, "  %-9s %s %s in %.2f s: %s/s\n", p.Name, thousands(p.Units), p.Unit, p.Seconds, thousands(uint64(p.PerSecond())))
	}
	if r.Expected > 0 || r.Delivered > 0 {
		fmt.Fprintf(&b, "  messages  %s sent, %s of %s delivered, %s lost, %d duplicates, %d out of order\n",
			thousands(r.Sent), thousands(r.Delivered), thousands(r.Expected), thousands(r.Lost), r.Duplicates, r.OutOfOrder)
	}
	if r.SessionsLost > 0 {
		fmt.Fprintf(&b, "  sessions  %d were not there any more\n", r.SessionsLost)
	}
	if r.Refused > 0 {
		fmt.Fprintf(&b, "  refused   %d messages, the last with: %s\n", r.Refused, r.Refusal)
	}
	if l := r.Latency; l != nil {
		fmt.Fprintf(&b, "  %-9s p50 %s, p99 %s, p99.9 %s, max %s\n", l.Of, short(l.P50), short(l.P99), short(l.P999), short(l.Max))
	}
	io.WriteString(w, b.String())
}

// short prints seconds with three digits and a fitting unit.
func short(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/1e6)
	default:
		return fmt.Sprintf("%.3g µs", float64(d)/1e3)
	}
}

// thousands prints n with a comma before every three digits.
func thousands(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
