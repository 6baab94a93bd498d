package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"gridmq/client"
	"gridmq/mqtt"
)

// pubFlags are the flags of gridmq pub.
type pubFlags struct {
	sessionFlags
	topic         string
	message, file string
	lines, stdin  bool
	null          bool
	qos           int
	retain        bool
	repeat        int
	repeatDelay   span

	userProps     []string
	responseTopic string
	correlation   string
	contentType   string
	expiry        span
	alias         uint16
	utf8          bool
}

func newPubCmd() *cobra.Command {
	var p pubFlags
	cmd := &cobra.Command{
		Use:   "pub -t topic (-m message | -f file | -l | -s | -n)",
		Short: "Publish messages",
		Long: `Publish a message, or each line of standard input, and end when the broker has
acknowledged it (QoS 1 and 2) or it has been sent (QoS 0).

The flags are those of mosquitto_pub, and some friendlier ones. MQTT 5 is spoken
unless -V 311 asks for 3.1.1.

` + exitCodesHelp,
		Example: `  gridmq pub -t greetings/world -m hello
  gridmq pub -t plant/7/config -q 1 -r -f config.json        # retained, from a file
  gridmq pub -t plant/7/config -q 1 -r -n                    # removes what is retained
  tail -f log | gridmq pub -t logs/web -l                    # a message per line
  gridmq pub -t ask -m '2+2' --response-topic answers/me --correlation-data 42
  gridmq pub -t a -m b --user-property k=v --message-expiry 1h
  gridmq pub -h broker.example.com --cafile ca.crt --cert me.crt --key me.key -t a -m b
  gridmq pub -h broker.example.com --cafile ca.crt --auth-method CUSTOM-JWT --auth-data-file me.jwt -t a -m b
  gridmq pub --url wss://broker.example.com/mqtt -u me -t a -m b`,
	}
	f := cmd.Flags()
	p.register(f)
	f.StringVarP(&p.topic, "topic", "t", "", "`topic` to publish to")
	f.StringVarP(&p.message, "message", "m", "", "`message` to send")
	f.StringVarP(&p.file, "file", "f", "", "send the contents of a `file` as one message")
	f.BoolVarP(&p.lines, "stdin-line", "l", false, "send each line of standard input as a message")
	f.BoolVarP(&p.stdin, "stdin-file", "s", false, "send all of standard input as one message")
	f.BoolVarP(&p.null, "null-message", "n", false, "send an empty message")
	f.IntVarP(&p.qos, "qos", "q", 0, "quality of service: 0, 1 or 2")
	f.BoolVarP(&p.retain, "retain", "r", false, "the broker keeps the message for later subscribers of the topic")
	f.IntVar(&p.repeat, "repeat", 1, "how many `times` to send the message")
	f.Var(&p.repeatDelay, "repeat-delay", "`time` between repetitions: seconds, or as 100ms")
	f.StringArrayVar(&p.userProps, "user-property", nil, "`name=value` for the receiver; may be repeated; MQTT 5")
	f.StringVar(&p.responseTopic, "response-topic", "", "`topic` where an answer is awaited; MQTT 5")
	f.StringVar(&p.correlation, "correlation-data", "", "`data` that an answer is to carry; MQTT 5")
	f.StringVar(&p.contentType, "content-type", "", "`type` of the payload, as application/json; MQTT 5")
	f.Var(&p.expiry, "message-expiry", "`time` after which the message is not delivered any more; MQTT 5")
	f.Uint16Var(&p.alias, "topic-alias", 0, "`number` to send instead of the topic from the second message on; MQTT 5")
	f.BoolVar(&p.utf8, "utf8", false, "say that the payload is UTF-8 text (payload format 1); MQTT 5")
	cmd.MarkFlagsOneRequired("message", "file", "stdin-line", "stdin-file", "null-message")
	cmd.MarkFlagsMutuallyExclusive("message", "file", "stdin-line", "stdin-file", "null-message")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.resolvePub(cmd, args); err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return p.run(ctx, cmd.InOrStdin(), cmd.ErrOrStderr())
	}
	return cmd
}

// resolvePub checks the flags and folds the friendly ones into the properties.
func (p *pubFlags) resolvePub(cmd *cobra.Command, args []string) error {
	if err := p.resolve(cmd.Flags(), args); err != nil {
		return err
	}
	if p.topic == "" {
		p.topic = p.urlTopic
	}
	switch {
	case p.topic == "":
		return errors.New("a topic is needed: -t topic")
	case p.qos < 0 || p.qos > 2:
		return fmt.Errorf("-q %d: want 0, 1 or 2", p.qos)
	case p.repeat < 1:
		return fmt.Errorf("--repeat %d: want 1 or more", p.repeat)
	}
	us, err := userProperties(p.userProps)
	if err != nil {
		return err
	}
	set := &p.props.publish
	set.UserProperties = append(set.UserProperties, us...)
	for flag, to := range map[string]struct {
		id mqtt.PropID
		do func()
	}{
		"response-topic":   {mqtt.PropResponseTopic, func() { set.ResponseTopic = p.responseTopic }},
		"correlation-data": {mqtt.PropCorrelationData, func() { set.CorrelationData = []byte(p.correlation) }},
		"content-type":     {mqtt.PropContentType, func() { set.ContentType = p.contentType }},
		"message-expiry":   {mqtt.PropMessageExpiryInterval, func() { set.MessageExpiryInterval = p.expiry.seconds() }},
		"topic-alias":      {mqtt.PropTopicAlias, func() { set.TopicAlias = p.alias }},
		"utf8":             {mqtt.PropPayloadFormatIndicator, func() { set.PayloadFormatIndicator = 1 }},
	} {
		if !cmd.Flags().Changed(flag) {
			continue
		}
		if p.mqtt != mqtt.V5 {
			return fmt.Errorf("--%s needs MQTT 5: leave out -V %s", flag, p.version)
		}
		to.do()
		set.Mark(to.id)
	}
	if set.Has(mqtt.PropTopicAlias) && set.TopicAlias == 0 {
		return errors.New("--topic-alias 0: want 1 or more")
	}
	if len(us) > 0 && p.mqtt != mqtt.V5 {
		return fmt.Errorf("--user-property needs MQTT 5: leave out -V %s", p.version)
	}
	return nil
}

// run connects and publishes.
func (p *pubFlags) run(ctx context.Context, stdin io.Reader, stderr io.Writer) error {
	payload, err := p.payload(stdin)
	if err != nil {
		return err
	}
	c, err := client.Connect(ctx, p.options(stderr))
	if err != nil {
		return connectError(p.brokerURL, err)
	}
	s := newSender(c, p.message0())
	if p.lines {
		err = s.lines(ctx, stdin)
	} else {
		err = s.repeat(ctx, payload, p.repeat, time.Duration(p.repeatDelay))
	}
	if err = errors.Join(err, s.wait(ctx)); err != nil {
		c.Close()
		return publishError(err)
	}
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := c.Disconnect(bye, mqtt.Success); err != nil {
		return &exitError{exitNoConnect, fmt.Errorf("disconnect: %w", err)}
	}
	return nil
}

// message0 is the message to send, without its payload.
func (p *pubFlags) message0() client.Message {
	return client.Message{Topic: p.topic, QoS: byte(p.qos), Retain: p.retain, Properties: p.props.publish}
}

// payload reads what is to be sent as one message.
func (p *pubFlags) payload(stdin io.Reader) ([]byte, error) {
	switch {
	case p.file != "":
		return os.ReadFile(p.file)
	case p.stdin:
		return io.ReadAll(stdin)
	}
	return []byte(p.message), nil
}

// publishError gives the exit code to what went wrong with a message.
func publishError(err error) error {
	if r, ok := errors.AsType[*client.RefusedError](err); ok {
		if hint := publishHints[r.Code]; hint != "" {
			err = fmt.Errorf("%w\n  %s", err, hint)
		}
		return &exitError{exitDenied, err}
	}
	if _, ok := errors.AsType[*mqtt.Error](err); ok {
		return err
	}
	_, closed := errors.AsType[*client.ClosedError](err)
	if closed || errors.Is(err, client.ErrUnacknowledged) {
		return &exitError{exitNoConnect, err}
	}
	return err
}

var publishHints = map[mqtt.Code]string{
	mqtt.NotAuthorized:    "this client may not publish to this topic: ask for a permission binding that covers it",
	mqtt.QuotaExceeded:    "the broker's limit is reached: fewer or smaller messages, or try again later",
	mqtt.TopicNameInvalid: "the broker does not accept this topic name",
}
