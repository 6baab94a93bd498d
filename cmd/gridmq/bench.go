package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gridmq/bench/load"
)

// benchFlags are the flags of gridmq bench, one set per scenario.
type benchFlags struct {
	targetFlags
	load.Options
	qos       int
	keepAlive span
	json      bool
	quiet     bool
}

func newBenchCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench scenario",
		Short: "Put a broker under load and measure it",
		Long: `Put a broker under load, and tell messages a second, lost messages and latency.

Publishers are paced by windows: none has more than --window messages
unacknowledged (QoS 1 and 2) or on their way to the subscribers (QoS 0), so that
no broker has to drop anything and "lost" should be 0. With --rate they keep to a
rate instead, one message to a write.

The load generator needs CPU time too: for numbers that matter give it a machine,
or cores, of its own. A progress line a second goes to standard error, the result
to standard output, with --json as one JSON object.

Exit codes: 0 nothing lost; 1 wrong flags, or the scenario failed; 2 messages lost.`,
		Example: `  gridmq bench pairs --qos 1
  gridmq bench fanin -h broker.example.com --publishers 200 --rate 10000
  gridmq bench latency --url mqtts://broker.example.com --cafile ca.crt
  gridmq bench idle --connections 10000 --duration 1m
  gridmq bench sessions --json > result.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, s := range load.Scenarios() {
		cmd.AddCommand(newScenarioCmd(s))
	}
	return cmd
}

func newScenarioCmd(s load.Scenario) *cobra.Command {
	var b benchFlags
	cmd := &cobra.Command{
		Use:   s.Name,
		Short: strings.ToUpper(s.Summary[:1]) + s.Summary[1:],
		Args:  cobra.NoArgs,
	}
	f := cmd.Flags()
	b.targetFlags.register(f)
	b.countFlags(f, s)
	defaultQoS := int(max(s.Defaults.QoS, load.QoS0).Level())
	f.IntVarP(&b.qos, "qos", "q", defaultQoS, "quality of service: 0, 1 or 2")
	f.IntVar(&b.Size, "size", 200, "`bytes` of a payload, at least 24")
	f.IntVar(&b.Window, "window", 100, "`messages` of one publisher that may be unacknowledged, or at QoS 0 not yet received")
	f.StringVar(&b.Prefix, "prefix", "", "`start` of all topics and client ids (default bench/ and a random part)")
	f.IntVar(&b.Connecting, "connecting", 32, "`connections` that are opened at the same time")
	f.DurationVar(&b.Patience, "patience", 5*time.Second, "`time` without any message after which what is missing counts as lost")
	f.BoolVar(&b.json, "json", false, "print the result as JSON")
	f.BoolVar(&b.quiet, "quiet", false, "no progress lines")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := b.resolveBench(cmd); err != nil {
			return err
		}
		return b.run(cmd, s.Name)
	}
	return cmd
}

// countFlags are the flags that make sense for a scenario, with its defaults.
func (b *benchFlags) countFlags(f *pflag.FlagSet, s load.Scenario) {
	d := s.Defaults
	traffic := false
	switch s.Name {
	case "pairs", "latency":
		f.IntVar(&b.Publishers, "pairs", d.Publishers, "publishers, each with a subscriber of its own")
		traffic = true
	case "fanin", "fanout":
		f.IntVar(&b.Publishers, "publishers", d.Publishers, "publishers")
		f.IntVar(&b.Subscribers, "subscribers", d.Subscribers, "subscribers, each of everything")
		traffic = true
	case "wildcard":
		f.IntVar(&b.Publishers, "publishers", d.Publishers, "publishers")
		f.IntVar(&b.Subscribers, "clients", d.Subscribers, "clients that subscribe")
		f.IntVar(&b.Filters, "filters", d.Filters, "wildcard subscriptions, over all clients")
		traffic = true
	case "idle":
		f.IntVar(&b.Subscribers, "connections", d.Subscribers, "connections")
		b.keepAlive = span(d.KeepAlive)
		f.VarP(&b.keepAlive, "keepalive", "k", "keep alive `time`")
	case "sessions":
		f.IntVar(&b.Publishers, "publishers", d.Publishers, "publishers")
		f.IntVar(&b.Subscribers, "sessions", d.Subscribers, "persistent sessions")
		f.IntVar(&b.Messages, "messages", d.Messages, "messages to store, over all sessions")
		f.StringSliceVar(&b.Phases, "phases", nil, "`phases` to run, of setup,store,drain,cleanup; with the same --prefix one process can drain what another has stored")
	case "retained":
		f.IntVar(&b.Publishers, "publishers", d.Publishers, "publishers")
		f.IntVar(&b.Messages, "messages", d.Messages, "retained messages, each on a topic of its own")
		f.StringVar(&b.Filter, "filter", "", "`filter` to subscribe to (default: all under the prefix)")
		f.BoolVar(&b.Keep, "keep", false, "do not remove the retained messages afterwards")
	}
	if traffic || s.Name == "idle" {
		f.DurationVar(&b.Duration, "duration", 10*time.Second, "`time` to measure")
	}
	if traffic {
		f.DurationVar(&b.Warmup, "warmup", time.Second, "`time` before that is measured")
		f.Float64Var(&b.Rate, "rate", d.Rate, "`messages` a second, from all publishers together (0: as fast as the windows allow)")
		f.BoolVar(&b.Persistent, "persistent", false, "persistent sessions at both ends")
	}
}

func (b *benchFlags) resolveBench(cmd *cobra.Command) error {
	f := cmd.Flags()
	if err := b.resolve(f); err != nil {
		return err
	}
	if b.qos < 0 || b.qos > 2 {
		return fmt.Errorf("-q %d: want 0, 1 or 2", b.qos)
	}
	b.URL, b.Options.TLS, b.Header = b.brokerURL, b.tlsConfig, b.httpHeader
	b.Username, b.Password = b.username, b.pass()
	b.Version, b.QoS, b.KeepAlive = b.mqtt, load.QoSOf(b.qos), time.Duration(b.keepAlive)
	if f.Changed("rate") && b.Rate == 0 {
		b.Rate = -1 // not the default
	}
	if f.Changed("warmup") && b.Warmup == 0 {
		b.Warmup = -1
	}
	if !b.quiet {
		b.Progress = func(p load.Progress) { fmt.Fprintln(cmd.ErrOrStderr(), p) }
	}
	return nil
}

func (b *benchFlags) run(cmd *cobra.Command, scenario string) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := load.Run(ctx, scenario, b.Options)
	if r != nil {
		if b.json {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			if err := enc.Encode(r); err != nil {
				return err
			}
		} else {
			r.Print(cmd.OutOrStdout())
		}
	}
	switch {
	case err != nil:
		if hint := hintFor(err); hint != "" {
			err = fmt.Errorf("%w\n  %s", err, hint)
		}
		return err
	case r.Lost > 0:
		return &exitError{2, fmt.Errorf("%d of %d messages were lost", r.Lost, r.Expected)}
	}
	return nil
}
