package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"gridmq/client"
	"gridmq/mqtt"
)

// Options make a Bridge. Name, Identity, Folder, Target.URL, ClientID, LocalID and Local
// are needed.
type Options struct {
	Name string
	// Identity is the name of the namespace that the bridge is of, for marks.
	Identity string
	// Folder holds what the bridge has to remember, in a file named after it.
	Folder string

	// Target is the other broker; its TLS comes from Credentials.
	Target      client.Target
	Credentials Credentials
	ClientID    string
	// Version is mqtt.V5 (the default) or mqtt.V311. BridgeMode tells a broker of
	// 3.1.1 that knows it, as Mosquitto and GridMQ, to treat us as a bridge.
	Version    mqtt.Version
	BridgeMode bool
	// KeepAlive and SessionExpiry are those towards the other broker. Default 60 s, and
	// client.Never.
	KeepAlive, SessionExpiry time.Duration
	// Window bounds the messages that are under way each way. Default 100.
	Window uint16
	// MaximumPacketSize is the largest packet taken from the other broker. 0: any.
	MaximumPacketSize uint32
	Maps              Maps
	// Retry are the pauses between attempts.
	Retry client.Backoff

	// Local connects to our own broker, LocalID is the client identifier there.
	Local   func(context.Context) (net.Conn, error)
	LocalID string
	// Dial replaces Target, for tests.
	Dial func(context.Context) (net.Conn, error)

	// Logger is told of changes of state. Default: none.
	Logger *slog.Logger
}

// A Bridge links a namespace of our own broker to another broker.
type Bridge struct {
	o     Options
	log   *slog.Logger
	stats Stats
	notes notes
	said  string // the failure in the log, until there is another one
}

// New makes a Bridge. Nothing happens before Prepare.
func New(o Options) *Bridge {
	o.Version = cmp.Or(o.Version, mqtt.V5)
	o.Window = cmp.Or(o.Window, 100)
	o.SessionExpiry = cmp.Or(o.SessionExpiry, client.Never)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	return &Bridge{o: o, log: o.Logger.With("bridge", o.Name), notes: notes{filepath.Join(o.Folder, o.Name+".json")}}
}

// Name is the bridge's.
func (b *Bridge) Name() string { return b.o.Name }

// Stats are what it has done.
func (b *Bridge) Stats() *Stats { return &b.stats }

// Prepare makes the session on our own broker, with its subscriptions: from then on
// nothing is missed, whether the other broker is there or not. It is to return before
// clients may publish.
func (b *Bridge) Prepare(ctx context.Context) error {
	c, err := client.Connect(ctx, b.localOptions(nil))
	if err != nil {
		return fmt.Errorf("bridge %s: own broker: %w", b.o.Name, err)
	}
	defer c.Wait()
	err = b.subscribeLocal(ctx, c)
	b.leave(c)
	if err != nil {
		return fmt.Errorf("bridge %s: own broker: %w", b.o.Name, err)
	}
	return nil
}

func (b *Bridge) subscribeLocal(ctx context.Context, c *client.Client) error {
	refused, err := subscribe(ctx, c, b.o.Maps.LocalSubscriptions())
	return errors.Join(append(refused, err)...)
}

// leaveTime bounds a goodbye.
const leaveTime = 2 * time.Second

func (b *Bridge) leave(c *client.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	_ = c.Disconnect(ctx, mqtt.Success) // the connection ends either way
}

// Forget removes what the bridge has remembered: it will not come back.
func (b *Bridge) Forget() error { return b.notes.forget() }

// Run keeps the link up until ctx ends. It returns when all of it has ended.
func (b *Bridge) Run(ctx context.Context) {
	retry := b.o.Retry
	for ctx.Err() == nil {
		began := time.Now()
		why, err := b.link(ctx)
		b.stats.Connected.Store(false)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errRenewed):
			b.log.Info("bridge has a new credential, connecting again")
			continue
		}
		b.stats.failures[why].Add(1)
		b.stats.Last.Store(int64(why))
		if time.Since(began) > stable {
			retry.Reset()
		}
		pause := retry.Next()
		if text := why.String() + ": " + err.Error(); text != b.said { // not each attempt
			b.said = text
			b.log.Warn("bridge has no link", "reason", why.String(), "err", err, "retry", pause.Round(time.Millisecond).String())
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// stable is how long a link has to last to count as a success.
const stable = 30 * time.Second

// errRenewed ends a link whose credential ends soon, and of which there is a later one.
var errRenewed = errors.New("there is a new credential")

// localOptions connect to our own broker. What comes before there is a link, as while
// Prepare is at work, is not acknowledged: it comes again.
func (b *Bridge) localOptions(deliver func(*client.Message)) client.Options {
	return client.Options{
		Dial: b.o.Local, ClientID: b.o.LocalID, Resume: true, SessionExpiry: client.Never, Queue: b.o.Window,
		InFlight: int(b.o.Window), OnMessage: deliver, ManualAck: true,
	}
}

func (b *Bridge) remoteOptions(cr *credential, deliver func(*client.Message)) client.Options {
	target := b.o.Target
	target.TLS = cr.tls
	o := client.Options{
		Target: target, Dial: b.o.Dial, Version: b.o.Version, BridgeMode: b.o.BridgeMode, ClientID: b.o.ClientID,
		Username: cr.username, Password: cr.password, Resume: true, SessionExpiry: b.o.SessionExpiry, KeepAlive: b.o.KeepAlive,
		Queue: b.o.Window, InFlight: int(b.o.Window), MaximumPacketSize: b.o.MaximumPacketSize,
		OnMessage: deliver, ManualAck: true,
	}
	if cr.method != "" {
		o.Properties.AuthenticationMethod, o.Properties.AuthenticationData = cr.method, cr.token
		o.Properties.Mark(mqtt.PropAuthenticationMethod, mqtt.PropAuthenticationData)
	}
	return o
}
