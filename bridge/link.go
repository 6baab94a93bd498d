package bridge

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/client"
	"gridmq/mqtt"
)

// A link is one connection to the other broker, and one to ours.
//
// Its goroutines are one pump for each direction and the watch over the credential,
// besides those of the two clients. All have ended when link returns. Neither client's
// reader ever waits for the other's, which could be waiting for it: OnMessage only puts
// a message into a queue that has room for all that may be unacknowledged.
type link struct {
	b     *Bridge
	ctx   context.Context // of this link; its cause is why it has ended
	stop  context.CancelCauseFunc
	out   *pump
	in    *pump
	quiet chan struct{} // closed: nothing more is to be sent
	calm  sync.Once     // closes quiet
	under atomic.Int64  // messages on their way
	none  chan struct{} // capacity 1: under has become 0
}

// A failed link has its reason with it.
type failed struct {
	why Failure
	error
}

func (f failed) Unwrap() error { return f.error }

// link makes the link and holds it to its end, which is never without an error.
func (b *Bridge) link(parent context.Context) (Failure, error) {
	loaded := time.Now()
	cr, err := b.o.Credentials.load(parent)
	if err != nil {
		return NoCredential, err
	}
	ctx, stop := context.WithCancelCause(context.WithoutCancel(parent)) // for the end of Run is a quiet one
	l := &link{b: b, ctx: ctx, stop: stop, quiet: make(chan struct{}), none: make(chan struct{}, 1)}
	l.out = newPump(l, Out, b.o.Maps.ToRemote)
	l.in = newPump(l, In, b.o.Maps.ToLocal)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop(nil)

	remote, err := client.Connect(parent, b.remoteOptions(&cr, l.in.offer))
	if err != nil {
		if _, no := errors.AsType[*client.RefusedError](err); no {
			return NotAdmitted, err
		}
		return NoConnection, err
	}
	defer remote.Wait()
	defer b.leave(remote)
	defer stop(nil) // or offer might hold the client
	refused, err := b.subscribeRemote(parent, remote)
	if err != nil {
		return NoConnection, err
	}
	local, err := client.Connect(parent, b.localOptions(l.out.offer))
	if err != nil {
		return LocalRefused, err
	}
	defer local.Wait()
	defer b.leave(local)
	defer stop(nil)
	if err := b.subscribeLocal(parent, local); err != nil {
		return LocalRefused, err
	}
	l.up(remote, refused)
	all.Go(func() { l.out.run(remote) })
	all.Go(func() { l.in.run(local) })
	if !cr.expires.IsZero() {
		all.Go(func() { l.watch(loaded, cr.expires) })
	}
	select {
	case <-remote.Done():
		return LinkLost, remote.Err()
	case <-local.Done():
		return LocalRefused, local.Err()
	case <-parent.Done():
		l.settle()
		return LinkLost, context.Cause(parent)
	case <-ctx.Done():
		err := context.Cause(ctx)
		if f, ok := errors.AsType[failed](err); ok {
			return f.why, f.error
		}
		return LinkLost, err
	}
}

// up tells that the link is made.
func (l *link) up(remote *client.Client, refused []error) {
	b := l.b
	b.stats.Connected.Store(true)
	b.stats.Connects.Add(1)
	b.stats.Last.Store(int64(NoFailure))
	b.said = ""
	b.log.Info("bridge connected", "address", b.o.Target.URL, "session_present", remote.Connack().SessionPresent)
	for _, err := range refused {
		b.log.Warn("bridge may not receive by a map", "err", err)
	}
}

// fail ends the link.
func (l *link) fail(why Failure, err error) { l.stop(failed{why, err}) }

// settle sends nothing more and waits, for a moment, until what is under way is
// acknowledged: it would cross twice.
func (l *link) settle() {
	l.calm.Do(func() { close(l.quiet) })
	timeout := time.NewTimer(leaveTime)
	defer timeout.Stop()
	for l.under.Load() > 0 {
		select {
		case <-l.none:
		case <-timeout.C:
			return
		case <-l.ctx.Done():
			return
		}
	}
}

// watch ends the link in time for a later credential, once there is one.
func (l *link) watch(loaded, expires time.Time) {
	for {
		select {
		case <-time.After(renewal(time.Now(), loaded, expires)):
		case <-l.ctx.Done():
			return
		}
		next, err := l.b.o.Credentials.load(l.ctx)
		if err == nil && (next.expires.IsZero() || next.expires.After(expires)) {
			l.settle()
			l.stop(errRenewed)
			return
		}
		if !time.Now().Before(expires) { // the other broker decides
			return
		}
	}
}

// A pump carries messages one way.
type pump struct {
	l      *link
	way    Direction
	across func(topic string) []Crossing
	queue  chan *client.Message
	window int
	told   sync.Once // of a message that was rejected
	mark   string    // of what has gone this way
	marks  []string  // that show a loop
}

func newPump(l *link, way Direction, across func(string) []Crossing) *pump {
	window := int(l.b.o.Window)
	// Half for what waits to be acknowledged, and must have room; half for QoS 0.
	p := &pump{l: l, way: way, across: across, queue: make(chan *client.Message, 2*window), window: window,
		mark: l.b.o.Identity, marks: []string{l.b.o.Identity}}
	if way == In {
		p.mark += inwards
		p.marks = append(p.marks, p.mark)
	}
	return p
}

// offer is OnMessage of the side that the messages come from.
func (p *pump) offer(m *client.Message) {
	if m.QoS == 0 {
		if len(p.queue) >= p.window {
			p.l.b.stats.Lose(p.way, Busy)
			return
		}
	}
	select {
	case p.queue <- m: // it waits only for a broker of 3.1.1, which knows no Receive Maximum
	case <-p.l.ctx.Done():
	}
}

// run sends what is offered until the link ends.
func (p *pump) run(to *client.Client) {
	for {
		// Asked first, as select chooses by lot: when a message has not been sent,
		// those behind it must not overtake it.
		select {
		case <-p.l.quiet:
			return
		case <-p.l.ctx.Done():
			return
		default:
		}
		select {
		case m := <-p.queue:
			p.forward(to, m)
		case <-p.l.quiet:
			return
		case <-p.l.ctx.Done():
			return
		}
	}
}

// forward sends a message to where it goes, and acknowledges it when all of that is
// done; when the link ends first it is not, and comes again.
func (p *pump) forward(to *client.Client, m *client.Message) {
	stats := &p.l.b.stats
	if looped(&m.Properties, p.marks...) {
		stats.Lose(p.way, Looped)
		m.Ack(mqtt.Success)
		return
	}
	list := p.across(m.Topic)
	if len(list) == 0 {
		stats.Lose(p.way, Unmapped)
		m.Ack(mqtt.Success)
		return
	}
	d := &crossing{p: p, m: m, left: len(list)}
	p.l.under.Add(1)
	for _, c := range list {
		out := &client.Message{Topic: c.Topic, Payload: m.Payload, QoS: min(m.QoS, c.QoS, to.MaximumQoS()),
			Retain: m.Retain && to.RetainAvailable(), Properties: passed(m.Properties, p.mark)}
		if err := to.PublishAsync(p.l.ctx, out, d.settled); err != nil {
			d.settled(mqtt.Success, err)
		}
	}
}

// A crossing is one message on its way, to as many topics as maps say.
type crossing struct {
	p    *pump
	m    *client.Message
	mu   sync.Mutex
	left int // outcomes that are open
}

// settled takes the outcome of one topic.
func (d *crossing) settled(_ mqtt.Code, err error) {
	p, stats := d.p, &d.p.l.b.stats
	switch why, final := lossOf(err); {
	case err == nil:
		stats.way(p.way).forwarded.Add(1)
	case final:
		stats.Lose(p.way, why)
		p.tell(err)
	default: // left stays above zero, so that it is not acknowledged
		p.l.fail(failureOf(err, p.way), err)
		return
	}
	d.mu.Lock()
	d.left--
	over := d.left == 0
	d.mu.Unlock()
	if !over {
		return
	}
	d.m.Ack(mqtt.Success)
	if p.l.under.Add(-1) == 0 {
		select {
		case p.l.none <- struct{}{}:
		default:
		}
	}
}

// lossOf says whether an error is the receiving broker's last word on a message.
// What it may take later, as for want of room, is tried again.
func lossOf(err error) (why Loss, final bool) {
	r, refused := errors.AsType[*client.RefusedError](err)
	if !refused || errors.Is(err, client.ErrUnacknowledged) {
		return Rejected, false
	}
	switch r.Code {
	case mqtt.PacketTooLarge:
		return TooLarge, true
	case mqtt.NotAuthorized, mqtt.TopicNameInvalid, mqtt.PayloadFormatInvalid, mqtt.RetainNotSupported, mqtt.QoSNotSupported:
		return Rejected, true
	}
	return Rejected, false
}

// failureOf is the reason of a link that ends because of a message.
func failureOf(err error, way Direction) Failure {
	if _, refused := errors.AsType[*client.RefusedError](err); refused {
		return NotTaken
	}
	if way == In {
		return LocalRefused
	}
	return LinkLost
}

// tell logs the first message of a link that the other side rejects; the others are
// counted.
func (p *pump) tell(err error) {
	p.told.Do(func() {
		p.l.b.log.Warn("bridged message rejected; further ones of this link are counted only", "direction", string(p.way), "err", err)
	})
}
