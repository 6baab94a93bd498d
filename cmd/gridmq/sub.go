package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"gridmq/client"
	"gridmq/mqtt"
	"gridmq/topic"
)

// subFlags are the flags of gridmq sub.
type subFlags struct {
	sessionFlags
	topics, without, unsubscribe []string
	qos                          int
	count                        int
	wait                         span
	verbose                      bool
	format                       string
	noNewline                    bool
	noRetained, onlyRetained     bool
	removeRetained               bool
	retainAsPublished            bool
	noLocal                      bool
	retainHandling               string
	exitSubscribed               bool
	once                         bool
	userProps                    []string
	subID                        uint32

	printer printer
}

func newSubCmd() *cobra.Command {
	var s subFlags
	cmd := &cobra.Command{
		Use:   "sub -t filter [-t filter ...]",
		Short: "Subscribe and print messages",
		Long: `Subscribe to topics and print what arrives, until interrupted, or as -C and -W
say. A connection that is lost is made again, with pauses of 1 s to 1 min;
the first attempt is not repeated.

The flags are those of mosquitto_sub, and some friendlier ones. MQTT 5 is spoken
unless -V 311 asks for 3.1.1.

` + formatHelp + "\n\n" + exitCodesHelp,
		Example: `  gridmq sub -t 'greetings/#' -v
  gridmq sub -t 'plant/+/temp' -T 'plant/7/temp' -q 1      # all but plant 7
  gridmq sub -t jobs -C 1 -W 30                            # one message, or exit code 27 after 30 s
  gridmq sub -t a -F '%I %t %p'                            # with the time
  gridmq sub -t a -F %j                                    # one JSON object per message
  gridmq sub -i dash-1 -c -q 1 -t 'orders/#'               # a session that is kept while we are away
  gridmq sub -t '$share/workers/jobs/#' -q 1               # the share of one worker
  gridmq sub --url mqtts://broker.example.com --cafile ca.crt --cert me.crt --key me.key -t '#'`,
	}
	f := cmd.Flags()
	s.register(f)
	f.StringArrayVarP(&s.topics, "topic", "t", nil, "topic `filter`; may be repeated")
	f.StringArrayVarP(&s.without, "filter-out", "T", nil, "do not print topics that match this `filter`; may be repeated")
	f.StringArrayVarP(&s.unsubscribe, "unsubscribe", "U", nil, "take this `filter` out of the session (with -c); may be repeated")
	f.IntVarP(&s.qos, "qos", "q", 0, "quality of service to ask for: 0, 1 or 2")
	f.IntVarP(&s.count, "count", "C", 0, "end after so many `messages` (0: go on)")
	f.VarP(&s.wait, "wait", "W", "end after this `time` (seconds, or as 500ms), with exit code 27 if -C is not reached")
	f.BoolVarP(&s.verbose, "verbose", "v", false, "print the topic before the payload")
	f.StringVarP(&s.format, "format", "F", "", "`format` to print messages in, see above")
	f.BoolVarP(&s.noNewline, "no-newline", "N", false, "print no newline after a payload")
	f.BoolVarP(&s.noRetained, "no-retained", "R", false, "do not print messages that were retained")
	f.BoolVar(&s.onlyRetained, "retained-only", false, "print only retained messages, and end when they have come")
	f.BoolVar(&s.removeRetained, "remove-retained", false, "remove the retained messages that arrive")
	f.BoolVar(&s.retainAsPublished, "retain-as-published", false, "live messages keep the retain flag of their publisher; MQTT 5")
	f.StringVar(&s.retainHandling, "retain-handling", "always", "when retained messages are sent: `always`, new (new subscriptions only) or never; MQTT 5")
	f.BoolVar(&s.noLocal, "no-local", false, "not the messages of this very client; MQTT 5")
	f.BoolVarP(&s.exitSubscribed, "exit-subscribed", "E", false, "end when the broker has accepted the subscriptions")
	f.BoolVar(&s.once, "no-reconnect", false, "end when the connection is lost, with exit code 2")
	f.StringArrayVar(&s.userProps, "user-property", nil, "`name=value` for the broker, in SUBSCRIBE; may be repeated; MQTT 5")
	f.Uint32Var(&s.subID, "subscription-id", 0, "`number` that the broker puts on messages of these subscriptions; MQTT 5")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := s.resolveSub(cmd, args); err != nil {
			return err
		}
		out := bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
		s.printer.w = out
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return s.run(ctx, cmd.ErrOrStderr())
	}
	return cmd
}

func (s *subFlags) resolveSub(cmd *cobra.Command, args []string) error {
	if err := s.resolve(cmd.Flags(), args); err != nil {
		return err
	}
	if s.urlTopic != "" {
		s.topics = append(s.topics, s.urlTopic)
	}
	switch {
	case len(s.topics) == 0 && len(s.unsubscribe) == 0:
		return errors.New("a topic filter is needed: -t filter")
	case s.qos < 0 || s.qos > 2:
		return fmt.Errorf("-q %d: want 0, 1 or 2", s.qos)
	case s.count < 0:
		return fmt.Errorf("-C %d: want 0 or more", s.count)
	case s.noRetained && s.onlyRetained:
		return errors.New("-R and --retained-only exclude each other")
	}
	for _, f := range s.topics {
		if _, plain, _, err := topic.ParseShare(f); err != nil {
			return fmt.Errorf("-t %q: %w", f, err)
		} else if err := topic.ValidFilter(plain); err != nil {
			return fmt.Errorf("-t %q: %w", f, err)
		}
	}
	for _, f := range s.without {
		if err := topic.ValidFilter(f); err != nil {
			return fmt.Errorf("-T %q: %w", f, err)
		}
	}
	if err := s.resolveV5(cmd); err != nil {
		return err
	}
	var err error
	s.printer.format, err = parseFormat(s.format, s.verbose, !s.noNewline)
	return err
}

// resolveV5 deals with what only MQTT 5 has.
func (s *subFlags) resolveV5(cmd *cobra.Command) error {
	for _, flag := range []string{"retain-as-published", "retain-handling", "no-local", "user-property", "subscription-id"} {
		if cmd.Flags().Changed(flag) && s.mqtt != mqtt.V5 {
			return fmt.Errorf("--%s needs MQTT 5: leave out -V %s", flag, s.version)
		}
	}
	if _, known := retainHandlings[s.retainHandling]; !known {
		return fmt.Errorf("--retain-handling %s: want always, new or never", s.retainHandling)
	}
	us, err := userProperties(s.userProps)
	if err != nil {
		return err
	}
	s.props.subscribe.UserProperties = append(s.props.subscribe.UserProperties, us...)
	if s.subID > 0 {
		s.props.subscribe.SubscriptionIdentifiers = []uint32{s.subID}
	}
	return nil
}

var retainHandlings = map[string]byte{"always": 0, "new": 1, "never": 2}

// Why sub ends; none of them is an error of the connection.
var (
	errCounted = errors.New("all messages have come")
	errDenied  = errors.New("the broker refused all subscriptions")
	errTimeIs  = errors.New("the time given with -W is over")
)

// run connects, subscribes and prints until there is a reason to end.
func (s *subFlags) run(ctx context.Context, stderr io.Writer) error {
	interrupt := ctx
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	if s.wait > 0 {
		defer time.AfterFunc(time.Duration(s.wait), func() { end(errTimeIs) }).Stop()
	}
	o := s.options(stderr)
	in := &intake{flags: s, end: end, stderr: stderr}
	// A message that is not printed any more is not acknowledged: a session that
	// is kept gets it next time.
	o.OnMessage, o.ManualAck = in.take, true
	err := client.Reconnect(ctx, o, client.Backoff{},
		func(ctx context.Context, c *client.Client) error {
			in.connected(c)
			return s.subscribe(ctx, c, in, stderr)
		},
		func(err error, pause time.Duration) {
			switch {
			case s.once || !in.wasConnected():
				end(err)
			case !s.quiet:
				fmt.Fprintf(stderr, "gridmq: %v; connecting again in %v\n", err, pause.Round(100*time.Millisecond))
			}
		})
	if interrupt.Err() != nil {
		err = nil // how a sub usually ends
	}
	return s.outcome(err, in)
}

// outcome gives the exit code to why we ended.
func (s *subFlags) outcome(err error, in *intake) error {
	if broken := s.printer.flush(); broken != nil {
		return fmt.Errorf("write the output: %w", broken)
	}
	_, refused := errors.AsType[*client.RefusedError](err)
	switch {
	case err == nil, errors.Is(err, errCounted):
		return nil
	case errors.Is(err, errTimeIs):
		if s.count == 0 && s.onlyRetained {
			return nil
		}
		return &exitError{exitTimeout, err}
	case errors.Is(err, errDenied):
		return &exitError{exitDenied, err}
	case !in.wasConnected():
		return connectError(s.brokerURL, err)
	case refused:
		return &exitError{exitRefused, err}
	}
	return &exitError{exitNoConnect, err}
}

// subscribe asks for all filters, and takes away what -U names.
func (s *subFlags) subscribe(ctx context.Context, c *client.Client, in *intake, stderr io.Writer) error {
	if len(s.unsubscribe) > 0 {
		if _, err := c.Unsubscribe(ctx, s.unsubscribe...); err != nil && !s.quiet {
			fmt.Fprintf(stderr, "gridmq: %v\n", err)
		}
	}
	if len(s.topics) == 0 {
		return nil
	}
	var subs []mqtt.Subscription
	for _, f := range s.topics {
		subs = append(subs, mqtt.Subscription{
			Filter: f, QoS: byte(s.qos), NoLocal: s.noLocal, RetainAsPublished: s.retainAsPublished, RetainHandling: retainHandlings[s.retainHandling],
		})
	}
	codes, err := c.SubscribeWith(ctx, s.props.subscribe, subs...)
	if err != nil && len(codes) == 0 {
		return err
	}
	denied := 0
	for i, code := range codes {
		switch {
		case code.IsError():
			denied++
			fmt.Fprintf(stderr, "gridmq: broker refused the subscription to %q: %v (0x%02x)\n", subs[i].Filter, code, byte(code))
		case byte(code) < subs[i].QoS && !s.quiet:
			fmt.Fprintf(stderr, "gridmq: broker grants QoS %d for %q, not %d\n", code, subs[i].Filter, subs[i].QoS)
		}
	}
	switch {
	case denied == len(codes):
		in.end(errDenied)
		return errDenied
	case s.exitSubscribed:
		in.end(errCounted)
	case s.onlyRetained:
		// Retained messages follow the SUBACK; a ping's answer comes behind
		// those that the broker had ready.
		if err := c.Ping(ctx); err == nil {
			time.AfterFunc(200*time.Millisecond, in.whenQuiet)
		}
	}
	return nil
}

// An intake is what messages go through before they are printed.
type intake struct {
	flags  *subFlags
	end    context.CancelCauseFunc
	stderr io.Writer

	mu      sync.Mutex
	c       *client.Client // nil: never connected
	printed int
	over    bool
	last    time.Time // arrival
}

func (in *intake) connected(c *client.Client) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.c = c
}

func (in *intake) wasConnected() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.c != nil
}

// whenQuiet ends once nothing has come for a moment.
func (in *intake) whenQuiet() {
	in.mu.Lock()
	quiet := time.Since(in.last) > 200*time.Millisecond
	in.mu.Unlock()
	if quiet {
		in.end(errCounted)
		return
	}
	time.AfterFunc(100*time.Millisecond, in.whenQuiet)
}

// take prints a message if it is wanted. It is client.Options.OnMessage.
func (in *intake) take(m *client.Message) {
	s := in.flags
	in.mu.Lock()
	defer in.mu.Unlock()
	in.last = time.Now()
	if in.over {
		return
	}
	defer m.Ack(mqtt.Success)
	if s.noRetained && m.Retain || s.onlyRetained && !m.Retain {
		return
	}
	for _, f := range s.without {
		if topic.Match(f, m.Topic) {
			return
		}
	}
	if s.removeRetained && m.Retain && in.c != nil {
		gone := &client.Message{Topic: m.Topic, QoS: m.QoS, Retain: true}
		if err := in.c.PublishAsync(context.Background(), gone, nil); err != nil {
			fmt.Fprintf(in.stderr, "gridmq: remove %q: %v\n", m.Topic, err)
		}
	}
	if err := s.printer.print(m); err != nil {
		in.over = true
		in.end(fmt.Errorf("write the output: %w", err))
		return
	}
	if in.printed++; s.count > 0 && in.printed >= s.count {
		in.over = true
		in.end(errCounted)
	}
}
