package control

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"gridmq/control/audit"
	"gridmq/control/operator"
	"gridmq/control/resource"
)

const (
	maxBody     = 4 << 20 // bytes
	readTimeout = 30 * time.Second
	callTimeout = time.Minute
)

// A call is one request that is being served.
type call struct {
	plane   *Plane
	w       http.ResponseWriter
	r       *http.Request
	endless context.Context // of r, without the time limit: for what is streamed
	id      string          // x-ms-request-id
	from    netip.Addr
	query   map[string]string // by name in lower case
	version string
	caller  *operator.Caller // nil: nobody had to be somebody
	body    []byte
	status  int // answered

	operation, target string // of what is being changed, for the audit log
	rights            string // resource id at which rights are asked for, when it is not the thing's own
}

// ServeHTTP serves one request.
func (p *Plane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	c := &call{plane: p, w: w, r: r.WithContext(ctx), endless: r.Context(), id: newID(), from: remote(r)}
	c.headers()
	defer c.recovered()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	default:
		e := refuse(http.StatusTooManyRequests, "TooManyRequests", "Too many requests at once.")
		e.RetryAfter = time.Second
		c.fail(e)
		return
	}
	began := p.o.Now()
	if err := c.serve(); err != nil {
		c.blame(err)
		c.fail(err)
	}
	p.log.Debug("management request", "request", c.id, "client request", printable(r.Header.Get("x-ms-client-request-id")),
		"method", r.Method, "path", r.URL.Path, "status", c.status, "from", c.from, "took", p.o.Now().Sub(began))
}

// recovered turns a broken invariant into an answer; the others go on.
func (c *call) recovered() {
	broken := recover()
	switch broken {
	case nil:
		return
	case http.ErrAbortHandler: // a stream that must not look as if it were whole
		panic(broken)
	}
	c.plane.log.Error("management request panicked", "request", c.id, "panic", broken, "stack", string(debug.Stack()))
	if c.status == 0 {
		c.fail(errors.New("panic"))
	}
}

// blame puts a change that was refused into the audit log. Callers without a name
// do not get there: anybody could fill it.
func (c *call) blame(err error) {
	if c.caller == nil || c.operation == "" || c.dryRun() {
		return
	}
	c.plane.audit.Record(c.r.Context(), audit.Entry{Operator: c.caller.Name, From: c.fromText(), Operation: c.operation, Resource: c.target,
		Result: audit.Failed, Code: errorFor(err).Code, Request: c.id})
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func remote(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

func (c *call) fromText() string {
	if !c.from.IsValid() {
		return ""
	}
	return c.from.String()
}

// headers sets those of every answer: section 2.1.
func (c *call) headers() {
	h := c.w.Header()
	h.Set("x-ms-request-id", c.id)
	correlation := printable(c.r.Header.Get("x-ms-correlation-request-id"))
	if correlation == "" {
		correlation = newID()
	}
	h.Set("x-ms-correlation-request-id", correlation)
	if id := printable(c.r.Header.Get("x-ms-client-request-id")); id != "" &&
		strings.EqualFold(c.r.Header.Get("x-ms-return-client-request-id"), "true") {
		h.Set("x-ms-client-request-id", id)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// printable is an id from outside, or nothing if it is not fit to be repeated.
func printable(s string) string {
	if len(s) > 128 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return s
}

// serve finds out what is asked for and by whom, and has it done.
func (c *call) serve() error {
	segs, bad := segments(c.r.URL.EscapedPath())
	if bad != nil {
		return bad
	}
	if c.query, bad = query(c.r.URL.RawQuery); bad != nil {
		return bad
	}
	do := c.route(segs)
	if do == nil {
		return refuse(http.StatusNotFound, codeNotFound, "There is nothing at this path.")
	}
	return do()
}

// enter finds the caller. Without one the error is the answer.
func (c *call) enter() error {
	if c.caller != nil {
		return nil
	}
	var err error
	c.caller, err = c.plane.door.Enter(c.r.Context(), c.r.Header.Get("Authorization"), c.from)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*operator.ThrottledError](err); ok {
		answer := refuse(http.StatusTooManyRequests, "TooManyRequests", "Too many attempts with tokens that are not valid.")
		answer.RetryAfter = e.RetryAfter
		return answer
	}
	switch {
	case errors.Is(err, operator.ErrNoToken):
		return refuse(http.StatusUnauthorized, "AuthenticationFailed", "The request needs a header Authorization: Bearer <token>.")
	case errors.Is(err, operator.ErrBadToken):
		c.plane.log.Warn("management request with a token that is not valid", "from", c.from, "request", c.id)
		return refuse(http.StatusUnauthorized, "InvalidAuthenticationToken", "The token is not valid.")
	}
	c.plane.log.Warn("a token could not be checked", "err", err, "request", c.id)
	answer := refuse(http.StatusServiceUnavailable, "ServerBusy", "The token cannot be checked at the moment.")
	answer.RetryAfter = 5 * time.Second
	return answer
}

// may checks the caller's right to an action on a resource id.
func (c *call) may(action, id string) error {
	if err := c.enter(); err != nil {
		return err
	}
	if !strings.HasSuffix(action, "/read") {
		c.operation, c.target = action, id
	}
	if c.rights != "" {
		id = c.rights
	}
	if c.caller.May(action, id) {
		return nil
	}
	return refuse(http.StatusForbidden, "AuthorizationFailed",
		"%s may not do %q on %q; a role that holds this action is needed there or above.", c.caller.Name, action, id)
}

// mayList lets in whoever may read something below id; visible then says what.
func (c *call) mayList(action, id string) error {
	if err := c.enter(); err != nil {
		return err
	}
	if c.caller.MayBelow(action, id) {
		return nil
	}
	return c.may(action, id)
}

func (c *call) dryRun() bool {
	return strings.EqualFold(c.query["gridmq-dry-run"], "true") || strings.EqualFold(c.r.Header.Get("gridmq-dry-run"), "true")
}

// read takes the body in, JSON of at most 4 MiB.
func (c *call) read() error {
	if err := c.checkType(); err != nil {
		return err
	}
	if c.r.ContentLength > maxBody { // nothing of it is read
		return tooLarge()
	}
	// A deadline that cannot be set (in tests) is the server's matter.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(readTimeout))
	var err error
	c.body, err = io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return tooLarge()
	}
	if err != nil {
		return refuse(http.StatusBadRequest, codeContent, "The body did not arrive as a whole.")
	}
	return nil
}

func tooLarge() error {
	return refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The body is longer than %d bytes.", maxBody)
}

func (c *call) checkType() error {
	text := c.r.Header.Get("Content-Type")
	unsupported := refuse(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "The body must be JSON, as application/json in UTF-8.")
	if enc := c.r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return unsupported
	}
	if text == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(text)
	if err != nil || media != "application/json" && media != "text/json" && !strings.HasSuffix(media, "+json") {
		return unsupported
	}
	if set := params["charset"]; set != "" && !strings.EqualFold(set, "utf-8") && !strings.EqualFold(set, "us-ascii") {
		return unsupported
	}
	return nil
}

// actor is the caller as the resources name it.
func (c *call) actor() resource.Actor {
	return resource.Actor{Name: c.caller.Name, Type: c.caller.Type, From: c.fromText()}
}

// base is the public URL as the client used it, without a slash at its end.
func (c *call) base() string {
	if b := c.plane.o.BaseURL; b != "" {
		return strings.TrimSuffix(b, "/")
	}
	scheme, host := "http", c.r.Host
	if c.r.TLS != nil {
		scheme = "https"
	}
	for _, trusted := range c.plane.o.Proxies {
		if trusted.Contains(c.from) {
			if proto := c.r.Header.Get("X-Forwarded-Proto"); proto == "http" || proto == "https" {
				scheme = proto
			}
			if forwarded := printable(c.r.Header.Get("X-Forwarded-Host")); forwarded != "" {
				host = forwarded
			}
		}
	}
	return scheme + "://" + host
}
