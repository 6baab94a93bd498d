package broker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
	"gridmq/tap"
	"gridmq/tracing"
)

// readSize is the read buffer of a connection that is busy; one that is quiet
// has none. A larger packet gets a buffer of its own size.
const readSize = 16 << 10

var readBuffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, readSize)} }}

// A cause says why a connection ended, for metrics and the log: a closed set.
type cause string

const (
	causeClient    cause = "client_disconnect"
	causeClosed    cause = "closed" // by the client's close frame of WebSocket
	causeLost      cause = "connection_lost"
	causeProtocol  cause = "protocol_error"
	causeKeepAlive cause = "keep_alive"
	causeTakenOver cause = "taken_over"
	causeShutdown  cause = "shutdown"
	causeTimeout   cause = "connect_timeout"
	causeRefused   cause = "refused"
	causeOverflow  cause = "queue_overflow"
	causeEnded     cause = "administrative"
	causeStore     cause = "store_error"
	causeIdentity  cause = "authentication" // the credential ended, or the client was changed
	causeAddress   cause = "address"        // connections from there are not allowed any more
	causeRights    cause = "authorization"  // a subscription lost its grant
)

// A conn is one network connection. Its fields belong to its reader, except
// where they say otherwise.
type conn struct {
	b        *Broker
	ns       *namespace
	nc       Conn
	peer     Peer
	client   string // its identifier
	username string // that it gave, for the list of refusals
	method   string // the Authentication Method of CONNECT
	limits   *Limits
	early    *tap.Taps // of its client, until it has a session
	rates    rates
	id       atomic.Pointer[Identity]
	x        *mailbox
	v        mqtt.Version
	v5       bool
	bridge   bool   // another broker's, of 3.1.1: mqtt.Connect.BridgeMode
	rest     []byte // read together with CONNECT

	problems  bool // the client wants reason strings (section 3.1.2.11.7)
	max       uint32
	clientMax uint32 // the client's Maximum Packet Size; 0: none
	flushing  bool   // a goroutine writes; guarded by x.mu, like what follows
	again     bool   // it must look once more before it stops
	greeted   bool   // CONNACK has been written
	relief    chan struct{}
	held      *deadline
	pace      *pacer                // of what is sent; nil: no limit
	gates     map[*mailbox]struct{} // where an acknowledgement waits
	expiry    uint32                // of the session, as the client set it last
	goodbye   bool                  // the client sent DISCONNECT without asking for its will
	active    atomic.Int64
	keep      int64                      // keep alive, ms, with its half on top; 0: none
	tending   *deadline                  // keep alive, and calm
	renewal   *deadline                  // when the credential ends
	ended     atomic.Bool                // end was called
	parted    atomic.Bool                // after that: nothing more is said, so the reader may close
	worked    atomic.Bool                // this goroutine has: its stack is large
	poked     atomic.Bool                // the read deadline only wakes the reader
	why       atomic.Value               // cause
	notice    atomic.Pointer[mqtt.Error] // what was said when it was ended from outside; nil: nothing
	epoch     uint64                     // of the session, from the time when this is its connection
	told      told                       // to the Observer

	last    *route // of the topic before
	allowed verdictCache
	*scratch
}

// A scratch is what a connection needs while it works through one read, and
// not while it waits: an idle connection has none.
type scratch struct {
	mem     [readSize]byte
	now     int64
	in      mqtt.Publish
	ack     mqtt.Ack
	view    mqtt.Message
	touched []*mailbox
	groups  []*group
	tickets []store.Ticket
	pub     publication
	span    *tracing.Span // of the PUBLISH in hand; nil: not traced
	taps    *tap.Taps     // of the client, as they were when the read began
	acked   bool          // the window has room again: shared groups may want it
	read    readCounts
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// letGo gives the scratch back, without what it points to.
func (c *conn) letGo() {
	s := c.scratch
	c.scratch = nil
	s.in, s.ack, s.view, s.taps = mqtt.Publish{}, mqtt.Ack{}, mqtt.Message{}, nil
	s.pub.forget()
	scratches.Put(s)
}

// A Step is a part of a connection's life. It returns the next one, to be run in a
// fresh goroutine with a small stack, or nil when the connection is over.
type Step func() Step

// Serve begins to run a connection, which it owns from now on.
func (b *Broker) Serve(nc Conn, peer Peer) Step {
	c := &conn{b: b, nc: nc, peer: peer}
	c.why.Store(causeLost)
	b.mu.Lock()
	if b.closing.Load() {
		b.mu.Unlock()
		_ = nc.Close()
		return nil
	}
	b.conns[c] = struct{}{}
	b.serving.Add(1)
	b.mu.Unlock()
	if err := c.connect(); err != nil {
		b.metrics.refused(err)
		b.observer.Refused(c.visit(), err)
		c.debug("connect refused", "remote", nc.RemoteAddr(), "err", err)
		c.over()
		return nil
	}
	b.arrived.Add(1)
	c.announce()
	return c.serve // without what CONNECT has put on the stack
}

// Run runs a connection to its end, each step in a goroutine of its own; it returns
// after the first.
func Run(next Step) {
	if next != nil {
		go func() { Run(next()) }()
	}
}

// serve reads until the connection ends, or has been quiet for so long that it goes
// on in another goroutine.
func (c *conn) serve() Step { return c.after(c.readLoop(false)) }

// resume is serve in a fresh goroutine. It waits before anything else, so that the
// small stack suffices for it.
func (c *conn) resume() Step {
	if err := c.park(); err != nil {
		return c.after(err)
	}
	return c.after(c.readLoop(true))
}

func (c *conn) after(err error) Step {
	if err == errCalm {
		return c.resume
	}
	c.leave(err)
	c.over()
	return nil
}

// over takes the connection off the broker's books.
func (c *conn) over() {
	_ = c.nc.Close()
	c.b.mu.Lock()
	delete(c.b.conns, c)
	c.b.mu.Unlock()
	c.b.serving.Done()
}

// errCalm ends the loop of a connection that goes on in a fresh goroutine.
var errCalm = errors.New("quiet for a while")

// debug logs what happened to the connection. The logger is made on the spot: an
// idle connection holds none.
func (c *conn) debug(msg string, args ...any) {
	log := c.b.log
	if !log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	if c.ns != nil {
		log = log.With("namespace", c.ns.name)
	}
	log.With("client", c.client).Debug(msg, args...)
}

// readLoop reads packets until the connection ends; there is something to read at
// once when readable says so. The error says why it has ended;
// io.EOF is also a DISCONNECT of the client.
func (c *conn) readLoop(readable bool) error {
	defer func() {
		if c.scratch != nil {
			c.letGo()
		}
	}()
	var mem, data []byte // data is read and not parsed yet, at the start of mem
	fresh, more := len(c.rest), false
	for {
		if c.scratch == nil { // quiet, as far as we know: wait without a buffer
			if fresh == 0 && !readable {
				if err := c.park(); err != nil {
					return err
				}
			}
			readable = false
			c.scratch = scratches.Get().(*scratch)
			if !c.worked.Load() {
				c.worked.Store(true)
			}
			mem = c.mem[:]
			data = mem[:copy(mem, c.rest)]
			c.rest = nil
		}
		if fresh == 0 {
			n, err := c.nc.Read(mem[len(data):])
			if n == 0 && err != nil {
				if c.poked.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
					c.unpoke() // it was quiet a moment ago
					continue
				}
				return err
			}
			fresh, data = n, mem[:len(data)+n]
		}
		c.now = time.Now().UnixMilli()
		c.active.Store(c.now)
		c.read.bytes += uint64(fresh)
		used, need, err := c.packets(data)
		c.endBatch()
		if err != nil {
			return err
		}
		more = len(data) == len(mem)
		data, mem = keepRest(data, used, need, mem, c.mem[:])
		if fresh = 0; len(data) == 0 && !more {
			c.letGo()
		}
	}
}

// keepRest moves what was not parsed to the start of a buffer that has room
// for the whole packet, and goes back to the usual buffer when it can.
func keepRest(data []byte, used, need int, mem, usual []byte) (rest, buf []byte) {
	left := data[used:]
	switch {
	case need > len(mem):
		buf = make([]byte, need)
	case len(mem) > len(usual) && need <= len(usual) && len(left) < len(usual):
		buf = usual
	default:
		buf = mem
	}
	return buf[:copy(buf, left)], buf
}

// errGone ends the loop of a connection that has lost its session.
var errGone = errors.New("session belongs to another connection")

// packets handles every whole packet in data. It returns how many bytes it
// used and how many the next packet needs in all.
func (c *conn) packets(data []byte) (used, need int, err error) {
	c.taps = c.x.taps.Load()
	for used < len(data) {
		h, err := mqtt.ReadHeader(data[used:], c.max)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return used, 0, nil
		}
		if err != nil {
			return used, 0, err
		}
		if h.Total() > len(data)-used {
			return used, h.Total(), nil
		}
		body := data[used+h.Size : used+h.Total()]
		if c.taps != nil {
			c.taps.Packets(c.inward(), data[used:used+h.Total()])
		}
		used += h.Total()
		if err := c.packet(h, body); err != nil {
			return used, 0, err
		}
	}
	return used, 0, nil
}

func (c *conn) packet(h mqtt.Header, body []byte) error {
	switch h.Type {
	case mqtt.PUBLISH:
		return c.publish(h.Flags, body)
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBCOMP:
		return c.acknowledged(h.Type, body)
	case mqtt.PUBREL:
		return c.released(body)
	case mqtt.PINGREQ:
		if len(body) != 0 {
			return protocolError("receive PINGREQ", mqtt.MalformedPacket, "it has a body")
		}
		return c.own(func(x *mailbox) { x.s.Write(pingresp) })
	case mqtt.SUBSCRIBE:
		return c.subscribe(body)
	case mqtt.UNSUBSCRIBE:
		return c.unsubscribe(body)
	case mqtt.DISCONNECT:
		return c.disconnected(body)
	case mqtt.AUTH:
		if c.v5 {
			return c.authenticated(body)
		}
	}
	return protocolError("receive "+h.Type.String(), mqtt.ProtocolError, "a client must not send it here")
}

var pingresp = mqtt.AppendPingresp(nil)

func protocolError(op string, code mqtt.Code, why string) error {
	return &mqtt.Error{Op: op, Code: code, Err: errors.New(why)}
}

// own runs f under the lock of the connection's session and marks it for the
// flush at the end of the batch.
func (c *conn) own(f func(x *mailbox)) error {
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	if c.x.conn != c {
		return errGone
	}
	f(c.x)
	return nil
}

// acknowledged handles the client's PUBACK, PUBREC and PUBCOMP.
func (c *conn) acknowledged(t mqtt.Type, body []byte) error {
	if err := c.ack.Read(c.v, t, body); err != nil {
		return err
	}
	x := c.x
	x.mu.Lock()
	if x.conn != c {
		x.mu.Unlock()
		return errGone
	}
	if seq := x.s.Ack(&c.ack); seq != 0 {
		ticket, err := c.ns.queues.Received(x.id, seq)
		if err != nil { // full: the message is sent again, and its PUBREC comes again
			x.s.Unreceived(seq)
			x.mu.Unlock()
			return &mqtt.Error{Op: "store PUBREC", Code: mqtt.QuotaExceeded, Err: discreet{"cannot store now", err}}
		}
		x.s.Answer(mqtt.PUBREL, c.ack.PacketID, mqtt.Success, uint64(ticket))
		c.notify(ticket)
	}
	x.mu.Unlock()
	c.acked = true
	if c.ack.Code.IsError() && c.limits.NegativeAckDisconnects {
		return protocolError("receive "+t.String(), mqtt.ImplementationSpecificError, "negative acknowledgement")
	}
	return nil
}

// released handles PUBREL: the identifier is free once that is durable.
func (c *conn) released(body []byte) error {
	if err := c.ack.Read(c.v, mqtt.PUBREL, body); err != nil {
		return err
	}
	x := c.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.conn != c {
		return errGone
	}
	if !x.s.Release(c.ack.PacketID) {
		x.s.Answer(mqtt.PUBCOMP, c.ack.PacketID, mqtt.PacketIdentifierNotFound, 0) // section 3.7.2.1
		return nil
	}
	var ticket store.Ticket
	if x.durable {
		var err error
		if ticket, err = c.ns.queues.Release(x.id, c.ack.PacketID); err != nil {
			x.s.Claim(c.ack.PacketID, 0)
			return &mqtt.Error{Op: "store PUBREL", Code: mqtt.QuotaExceeded, Err: discreet{"cannot store now", err}}
		}
		c.notify(ticket)
	}
	x.s.Answer(mqtt.PUBCOMP, c.ack.PacketID, mqtt.Success, uint64(ticket))
	return nil
}

// notify remembers that the own mailbox waits for a ticket.
func (c *conn) notify(t store.Ticket) {
	if n := len(c.tickets); n == 0 || c.tickets[n-1] != t {
		c.tickets = append(c.tickets, t)
	}
}

// touch puts a mailbox on the list to flush, under its lock.
func (c *conn) touch(x *mailbox) {
	if !x.touched && x.conn != nil {
		x.touched = true
		c.touched = append(c.touched, x)
	}
}

// endBatch flushes what the packets of one read have caused: the own
// acknowledgements first, then the others.
func (c *conn) endBatch() {
	for _, t := range c.tickets {
		c.b.store.Notify(t, c.x)
	}
	c.tickets = c.tickets[:0]
	c.x.flush()
	for i, x := range c.touched {
		if i < inlineFlushes {
			x.flush()
		} else {
			c.b.flushers.add(x)
		}
		c.touched[i] = nil
	}
	c.touched = c.touched[:0]
	for i, g := range c.groups {
		g.dispatch()
		c.groups[i] = nil
	}
	c.groups = c.groups[:0]
	if c.acked {
		c.acked = false
		c.ns.dispatchShared(c.x)
	}
	c.ns.traffic.read(&c.read)
	c.holdReading()
}

// disconnected handles the client's DISCONNECT.
func (c *conn) disconnected(body []byte) error {
	d, err := mqtt.ReadDisconnect(c.v, body)
	if err != nil {
		return err
	}
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	if d.Properties.Has(mqtt.PropSessionExpiryInterval) {
		e := d.Properties.SessionExpiryInterval
		if c.expiry == 0 && e != 0 { // section 3.14.2.2.2
			return protocolError("receive DISCONNECT", mqtt.ProtocolError, "session expiry was 0 at CONNECT and must stay so")
		}
		c.expiry = c.sessionExpiry(e)
	}
	c.goodbye = d.Code != mqtt.DisconnectWithWill // [MQTT-3.14.4-3]
	c.why.Store(causeClient)
	return io.EOF
}

// belongTo says whose connection this is, once. Besides the reader only end
// looks, which may come at any time.
func (c *conn) belongTo(x *mailbox) {
	c.b.mu.Lock()
	c.x = x
	c.b.mu.Unlock()
}

// verdictCache remembers the last answer of the authorizer.
type verdictCache struct {
	topic    string
	id       *Identity
	revision uint64
	valid    bool
	verdict  Verdict
}

func (c *conn) mayPublish(name string) Verdict {
	a := &c.allowed
	rev, id := c.ns.authorizer.Revision(), c.id.Load()
	if !a.valid || a.revision != rev || a.id != id || a.topic != name {
		*a = verdictCache{topic: name, id: id, revision: rev, valid: true, verdict: c.ns.mayPublish(id, name)}
	}
	return a.verdict
}

var _ session.Gate = (*mailbox)(nil)
