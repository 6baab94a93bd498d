package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"gridmq/client"
	"gridmq/mqtt"
)

// sessionFlags are what pub and sub have in common beyond the target: who we
// are, the session, the will, and properties.
type sessionFlags struct {
	targetFlags
	auth         authFlags
	id, idPrefix string
	keepAlive    span
	keep         bool // -c
	expiry       span
	debug, quiet bool
	connTimeout  span

	willTopic, willPayload string
	willQoS                int
	willRetain             bool
	willDelay              span

	commands []string // -D
	props    propertySet
}

func (s *sessionFlags) register(f *pflag.FlagSet) {
	s.targetFlags.register(f)
	s.auth.register(f)
	s.keepAlive, s.connTimeout = span(60*time.Second), span(10*time.Second)
	f.StringVarP(&s.id, "id", "i", "", "client `id` (default: a random one)")
	f.StringVarP(&s.idPrefix, "id-prefix", "I", "", "`prefix` of a random client id")
	f.VarP(&s.keepAlive, "keepalive", "k", "keep alive `time`: seconds, or as 5m; 0: none")
	f.BoolVarP(&s.keep, "disable-clean-session", "c", false, "resume the session of this client id, and keep it (needs -i)")
	f.VarP(&s.expiry, "session-expiry", "x", "`time` that the broker keeps the session after we left: seconds, 24h, or never; MQTT 5")
	f.Var(&s.connTimeout, "connect-timeout", "`time` to get connected in")
	f.BoolVarP(&s.debug, "debug", "d", false, "show every packet on standard error")
	f.BoolVar(&s.quiet, "quiet", false, "no warnings, only errors")
	f.StringVar(&s.willTopic, "will-topic", "", "`topic` of the will, which the broker publishes if we vanish")
	f.StringVar(&s.willPayload, "will-payload", "", "`payload` of the will")
	f.IntVar(&s.willQoS, "will-qos", 0, "`QoS` of the will")
	f.BoolVar(&s.willRetain, "will-retain", false, "the will is retained")
	f.Var(&s.willDelay, "will-delay", "`time` the broker waits before it publishes the will; MQTT 5")
	f.StringArrayVarP(&s.commands, "property", "D", nil,
		"MQTT 5 property, as mosquitto has it: -D `command` name value (-D publish content-type text/plain; -D connect user-property k v)")
}

// resolve completes the flags; args are what -D left over.
func (s *sessionFlags) resolve(f *pflag.FlagSet, args []string) error {
	if err := s.targetFlags.resolve(f); err != nil {
		return err
	}
	rest, err := s.props.parse(s.commands, args)
	if err != nil {
		return err
	}
	if err := s.auth.resolve(s.mqtt, &s.props.connect); err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q: messages are given with -m, topics with -t (quote what has spaces)", rest[0])
	}
	if s.mqtt != mqtt.V5 && (len(s.commands) > 0 || s.expiry > 0 || s.willDelay > 0) {
		return fmt.Errorf("properties, session expiry and will delay need MQTT 5: leave out -V %s", s.version)
	}
	if s.id != "" && s.idPrefix != "" {
		return fmt.Errorf("-i and -I exclude each other")
	}
	if s.keep && s.id == "" {
		return fmt.Errorf("-c needs a client id to resume the session of: -i")
	}
	if s.willTopic == "" && (s.willPayload != "" || s.willRetain || s.willQoS != 0 || s.willDelay > 0) {
		return fmt.Errorf("a will needs --will-topic")
	}
	if s.willQoS < 0 || s.willQoS > 2 {
		return fmt.Errorf("--will-qos %d: want 0, 1 or 2", s.willQoS)
	}
	if s.id == "" {
		s.id = randomID(s.idPrefix)
	}
	if s.keep && s.expiry == 0 {
		// What -c means to users of mosquitto: the session is kept.
		s.expiry = span(client.Never)
	}
	return nil
}

// randomID is short enough for every broker: 3.1.1 promises 23 characters.
func randomID(prefix string) string {
	var b [6]byte
	rand.Read(b[:])
	if prefix == "" {
		prefix = "gridmq-"
	}
	return prefix + hex.EncodeToString(b[:])
}

// options are what a client is made with; trace goes to w with -d.
func (s *sessionFlags) options(w io.Writer) client.Options {
	o := client.Options{
		Target: s.target(), Version: s.mqtt, ClientID: s.id, Username: s.username, Password: s.pass(),
		Resume: s.keep, SessionExpiry: time.Duration(s.expiry), KeepAlive: time.Duration(s.keepAlive),
		ConnectTimeout: time.Duration(s.connTimeout), Properties: s.props.connect, Goodbye: s.props.disconnect,
	}
	if s.keepAlive == 0 {
		o.KeepAlive = -1
	}
	o.Queue = s.props.connect.ReceiveMaximum // 0 is the default, as in all of these
	o.MaximumPacketSize = s.props.connect.MaximumPacketSize
	o.TopicAliasMaximum = s.props.connect.TopicAliasMaximum
	if s.willTopic != "" {
		o.Will = &mqtt.Will{Topic: s.willTopic, Payload: []byte(s.willPayload), QoS: byte(s.willQoS), Retain: s.willRetain, Properties: s.props.will}
		if s.willDelay > 0 {
			o.Will.Properties.WillDelayInterval = s.willDelay.seconds()
			o.Will.Properties.Mark(mqtt.PropWillDelayInterval)
		}
	}
	if s.debug {
		var mu sync.Mutex
		o.Trace = func(sent bool, packet string) {
			mu.Lock()
			defer mu.Unlock()
			arrow := "<-"
			if sent {
				arrow = "->"
			}
			fmt.Fprintf(w, "%s %s %s\n", time.Now().Format("15:04:05.000"), arrow, packet)
		}
	}
	return o
}

// A span is a duration flag: seconds as mosquitto's tools take them, Go's
// notation (90s, 24h), or "never".
type span time.Duration

func (s *span) Set(v string) error {
	if v == "never" {
		*s = span(client.Never)
		return nil
	}
	if n, err := strconv.ParseUint(v, 10, 32); err == nil {
		if n == math.MaxUint32 {
			*s = span(client.Never)
			return nil
		}
		*s = span(time.Duration(n) * time.Second)
		return nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return fmt.Errorf("want seconds, or as 90s, 5m, 24h")
	}
	*s = span(d)
	return nil
}

func (s *span) String() string {
	switch d := time.Duration(*s); {
	case d == 0:
		return "0"
	case d == client.Never:
		return "never"
	default:
		return d.String()
	}
}

func (s *span) Type() string { return "time" }

// seconds is the value on the wire, rounded up.
func (s span) seconds() uint32 {
	if time.Duration(s) == client.Never {
		return math.MaxUint32
	}
	return uint32(min((time.Duration(s)+time.Second-1)/time.Second, math.MaxUint32))
}
