package gateway

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"gridmq/tracing"
)

// A call is one request that is being served.
type call struct {
	g       *Gateway
	w       http.ResponseWriter
	control *http.ResponseController
	r       *http.Request
	id      string // x-ms-request-id
	from    netip.Addr

	target  target
	custom  *CustomTopic // of PublishEvents
	known   bool         // target is one
	ns      *Namespace
	tenant  *tenant
	caller  caller
	trace   tracing.Context // what is published goes on with; zero: none
	query   query
	version string

	topic    Topic
	queue    Queue
	bodyRead bool // or there is no use in reading it
	status   int  // answered
	code     string

	succeeded, failed int
}

// ServeHTTP serves one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{g: g, w: w, r: r, control: http.NewResponseController(w), id: newID()}
	c.from = c.client()
	began := time.Now()
	// A deadline that cannot be set (in tests) is the server's matter.
	_ = c.control.SetReadDeadline(began.Add(g.o.BodyTimeout))
	c.headers()
	defer c.observe(began)
	defer c.recovered()
	if err := c.serve(); err != nil {
		c.fail(err)
	}
}

// recovered turns a broken invariant into an answer; the others go on.
func (c *call) recovered() {
	broken := recover()
	if broken == nil {
		return
	}
	if broken == http.ErrAbortHandler {
		panic(broken) // the server's own way to end a connection
	}
	c.g.log.Error("data plane request panicked", "request", c.id, "panic", broken, "stack", string(debug.Stack()))
	if c.status == 0 {
		c.fail(errors.New("panic"))
	}
}

// serve takes the request through the checks in their order (section 3.3).
func (c *call) serve() error {
	if c.target, c.known = parsePath(c.r.URL.EscapedPath()); !c.known || !c.g.has(c.target.op) {
		c.known = false
		return Refuse(http.StatusNotFound, "There is nothing at this path.")
	}
	if want := kinds[c.target.op].method; c.r.Method != want {
		e := Refuse(http.StatusMethodNotAllowed, "This path has only %s.", want)
		e.Allow = want
		return e
	}
	if c.g.closing.Err() != nil {
		return busy("The server is stopping.")
	}
	var err error
	if c.target.op == PublishEvents {
		err = c.findCustom()
	} else {
		c.ns, err = c.find()
	}
	if err != nil {
		return err
	}
	if err := c.checkNetwork(); err != nil {
		return err
	}
	q, bad := parseQuery(c.r.URL.RawQuery)
	if bad != nil {
		return bad
	}
	c.query = q
	if err := c.enter(); err != nil {
		return err
	}
	c.tenant = c.g.tenant(c.ns)
	if c.tenant.serving.Add(1) > int64(c.g.o.Requests) {
		c.tenant.serving.Add(-1)
		return Refuse(http.StatusTooManyRequests, "The namespace has too many requests in hand.")
	}
	defer c.tenant.serving.Add(-1)
	if err := c.lookUp(); err != nil {
		return err
	}
	if err := c.readVersion(); err != nil {
		return err
	}
	return c.traced()
}

// has says whether the gateway has what the operation needs.
func (g *Gateway) has(o Operation) bool {
	switch o {
	case PublishMessage:
		return g.o.Messages != nil
	case GetRetained, ListRetained:
		return g.o.Retained != nil
	case PublishEvents:
		return g.o.CustomTopics != nil
	}
	return true
}

// lookUp finds topic and subscription.
func (c *call) lookUp() error {
	if !c.target.op.ofTopic() {
		return nil
	}
	if c.g.o.Events != nil {
		c.topic = c.g.o.Events.Topic(c.ns.Name, c.target.topic)
	}
	if c.topic == nil {
		return c.missing()
	}
	if c.target.op == Publish || c.target.op == PublishEvents {
		return nil
	}
	if c.queue = c.topic.Queue(c.target.sub); c.queue == nil {
		return c.missing()
	}
	return nil
}

func (c *call) operate() error {
	switch c.target.op {
	case Publish:
		return c.publish()
	case Receive:
		return c.receive()
	case PublishEvents:
		return c.publishEvents()
	case PublishMessage:
		return c.publishMessage()
	case GetRetained:
		return c.getRetained()
	case ListRetained:
		return c.listRetained()
	}
	return c.settle()
}

// headers sets those of every answer (section 3.2).
func (c *call) headers() {
	h := c.w.Header()
	h.Set("x-ms-request-id", strings.ToUpper(c.id))
	if id := c.clientID(); id != "" {
		h.Set("x-ms-client-request-id", id)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// clientID is the client's own id of the request, or nothing if it is not fit to be
// repeated.
func (c *call) clientID() string {
	s := c.r.Header.Get("x-ms-client-request-id")
	if len(s) > 128 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return s
}

// answer writes a body of JSON, or none.
func (c *call) answer(status int, body []byte) {
	if body != nil {
		c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	c.write(status, body)
}

// write writes the answer. A client that does not take it in time loses its connection.
func (c *call) write(status int, body []byte) {
	c.status = status
	if status != http.StatusNoContent {
		c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	_ = c.control.SetWriteDeadline(time.Now().Add(c.g.o.BodyTimeout))
	c.w.WriteHeader(status)
	if _, err := c.w.Write(body); err != nil {
		return // the client is gone; what it was given is locked for a while
	}
	if c.control.Flush() == nil {
		_ = c.control.SetWriteDeadline(time.Time{}) // it would outlive the request
	}
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (c *call) operation() string {
	if !c.known {
		return ""
	}
	return c.target.op.String()
}

// observe tells of the request. Neither path nor query are logged: a key may be there.
func (c *call) observe(began time.Time) {
	o := Observation{Operation: c.target.op, Known: c.known, Status: c.status, Code: c.code, Succeeded: c.succeeded, Failed: c.failed,
		Took: time.Since(began), Request: strings.ToUpper(c.id), Caller: c.caller.name, From: c.from}
	if o.Private = c.g.o.Private(c.r); c.r.TLS != nil {
		o.TLS = c.r.TLS.Version
	}
	if c.ns != nil {
		o.Namespace = c.ns.Name
	}
	if c.topic != nil {
		o.Topic = c.topic.Name()
	}
	if c.queue != nil {
		o.Subscription = c.queue.Name()
	}
	if c.code != "" && c.code != clientGone && o.Succeeded+o.Failed == 0 {
		o.Failed = 1
	}
	c.g.o.Observe(o)
	c.g.log.Debug("data plane request", "request", o.Request, "client request", c.clientID(), "operation", c.operation(),
		"namespace", o.Namespace, "topic", o.Topic, "status", o.Status, "from", o.From, "took", o.Took)
}
