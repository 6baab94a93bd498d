package load

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"gridmq/mqtt"
)

// Options says where the load goes and how much it is. Only URL is needed; a
// zero field takes the default of the scenario (Scenarios tells them).
type Options struct {
	// URL is the broker's, as client.Target has it.
	URL string
	// TLS is for mqtts and wss. TLSFor, if set, gives each connection its own,
	// by the number of the connection from 0.
	TLS    *tls.Config
	TLSFor func(i int) *tls.Config
	Header http.Header // of the WebSocket handshake

	Username string
	Password []byte
	// Version of MQTT. Default 5.0.
	Version mqtt.Version
	// KeepAlive is told to the broker. Default 0, none; the idle scenario 300 s.
	KeepAlive time.Duration
	// Prefix starts all topics and (with "/" as "-") all client ids. Default
	// "bench/" and 6 random digits, so that runs do not meet.
	Prefix string

	// Publishers and Subscribers count connections (or sessions). In pairs there
	// are as many of the one as of the other.
	Publishers, Subscribers int
	// Messages is how many are stored by sessions and retained.
	Messages int
	// Filters is the number of wildcard subscriptions, over all subscribers.
	Filters int
	// Filter is what the subscriber of the retained scenario asks for. Default:
	// everything under Prefix.
	Filter string

	QoS QoS
	// Size of a payload, at least 24. Default 200.
	Size int
	// Window is how many messages of one publisher may be unacknowledged.
	// Default 100. What may be on its way to the subscribers is derived from it.
	Window int
	// Rate is the number of messages a second that all publishers together send,
	// one to a write. Default 0: as many as the windows allow, in batches (and
	// where the scenario has a rate, a negative number asks for that).
	Rate float64
	// Duration is how long is measured, after Warmup. Defaults 10 s and 1 s;
	// a negative Warmup is none.
	Duration, Warmup time.Duration
	// Patience is how long nothing may arrive until what is missing counts as
	// lost. Default 5 s.
	Patience time.Duration
	// Persistent makes both ends persistent sessions.
	Persistent bool
	// Phases of the sessions scenario to run. Default all: setup, store, drain,
	// cleanup. Processes that share a Prefix can do one each.
	Phases []string
	// Rounds is how often webhooks takes its turns, each of them for Duration.
	Rounds int
	// Events is where the scenarios of the event plane find what they need.
	Events *Events
	// Keep leaves the retained messages of the retained scenario where they are.
	Keep bool
	// Connecting is how many connections are opened at the same time. Default 32.
	Connecting int

	// Progress is told once a second how far things are.
	Progress func(Progress)
	// Phase is called at the borders of what is measured, from the goroutine of
	// Run, with nothing in between: to read the broker's CPU time there.
	Phase func(name string, begin bool)
	// Between is called by the sessions scenario when everything is stored and
	// nobody is connected: to kill the broker there, and start it again.
	Between func(context.Context) error
	// During is called once by the sessions scenario when half is stored, while
	// publishers are at work. The publishers end with their connections then,
	// and only what was acknowledged is expected. The scenario waits for it.
	During func(context.Context) error
}

// QoS is a quality of service with a zero value that means "the scenario's
// default": QoS0 is not the zero value.
type QoS byte

// The qualities of service.
const (
	DefaultQoS QoS = iota
	QoS0
	QoS1
	QoS2
)

// Level is the number on the wire.
func (q QoS) Level() byte { return byte(max(q, QoS0)) - 1 }

// QoSOf is the inverse of Level.
func QoSOf(level int) QoS { return QoS(level + 1) }

const maxPayload = 64 << 20

// withDefaults fills in what s has not said and the user neither.
func (o Options) withDefaults(s Scenario) Options {
	d := s.Defaults
	o.Version = cmp.Or(o.Version, mqtt.V5)
	o.Publishers = cmp.Or(o.Publishers, d.Publishers)
	o.Subscribers = cmp.Or(o.Subscribers, d.Subscribers)
	o.Messages = cmp.Or(o.Messages, d.Messages)
	o.Rounds = cmp.Or(o.Rounds, d.Rounds)
	o.Filters = cmp.Or(o.Filters, d.Filters)
	o.KeepAlive = cmp.Or(o.KeepAlive, d.KeepAlive)
	o.Rate = max(0, cmp.Or(o.Rate, d.Rate))
	o.QoS = cmp.Or(o.QoS, d.QoS, QoS0)
	o.Size = cmp.Or(o.Size, 200)
	o.Window = cmp.Or(o.Window, 100)
	o.Duration = cmp.Or(o.Duration, d.Duration, 10*time.Second)
	o.Warmup = max(0, cmp.Or(o.Warmup, time.Second))
	o.Patience = cmp.Or(o.Patience, d.Patience, 5*time.Second)
	o.Connecting = cmp.Or(o.Connecting, 32)
	if o.Prefix == "" {
		var b [3]byte
		rand.Read(b[:])
		o.Prefix = "bench/" + hex.EncodeToString(b[:])
	}
	o.Filter = cmp.Or(o.Filter, o.Prefix+"/#")
	if len(o.Phases) == 0 {
		o.Phases = []string{phaseSetup, phaseStore, phaseDrain, phaseCleanup}
	}
	return o
}

// check refuses what would only fail later, and less clearly.
func (o Options) check() error {
	switch {
	case o.Size < headSize || o.Size > maxPayload:
		return fmt.Errorf("size %d: want %d to %d bytes", o.Size, headSize, maxPayload)
	case o.QoS > QoS2:
		return fmt.Errorf("QoS %d: want 0, 1 or 2", o.QoS.Level())
	case o.Window < 1 || o.Window > 16000:
		return fmt.Errorf("window %d: want 1 to 16000 messages", o.Window)
	case o.Publishers < 0 || o.Subscribers < 0 || o.Messages < 0:
		return fmt.Errorf("counts cannot be negative")
	case o.Filters > 0 && o.Filters%o.Subscribers != 0:
		return fmt.Errorf("%d filters cannot be shared evenly by %d clients", o.Filters, o.Subscribers)
	}
	return nil
}
