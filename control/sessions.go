package control

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode"

	"gridmq/control/audit"
)

const maxReason = 256 // characters of what a client is told

// routeSessions finds sessions by client identifier, which may be any text: with
// slashes, written %2F.
func (c *call) routeSessions(ns string, p path) func() error {
	switch {
	case len(p) == 0:
		return c.get(func() error { return c.listSessions(ns) })
	case len(p) == 1:
		return func() error { return c.session(ns, p[0]) }
	case len(p) == 2 && p[1:].is("disconnect"):
		return c.post(func() error { return c.endSession(ns, p[0], "disconnect/action") })
	}
	return nil
}

func (c *call) listSessions(ns string) error {
	r, err := c.about(ns, "sessions/read")
	if err != nil {
		return err
	}
	g, err := c.pager()
	if err != nil {
		return err
	}
	q := SessionQuery{After: g.after, Limit: g.top, AuthenticationName: c.query["authenticationname"], ClientID: c.query["clientid"]}
	if q.Connected, err = c.boolParameter("connected"); err != nil {
		return err
	}
	page, next, err := c.plane.o.Sessions.Sessions(c.r.Context(), r.Namespace, q)
	if err != nil {
		return err
	}
	for _, one := range page {
		g.value = append(g.value, one)
	}
	g.next = next
	return c.respond(g)
}

// listSlow lists sessions with long queues. Parameter besides $top: by.
func (c *call) listSlow(ns string) error {
	r, err := c.about(ns, "sessions/read")
	if err != nil {
		return err
	}
	g, err := c.pager()
	if err != nil {
		return err
	}
	by := SlowBy(strings.ToLower(cmp.Or(c.query["by"], string(ByMessages))))
	if by != ByMessages && by != ByBytes && by != ByAge {
		return refuse(http.StatusBadRequest, codeInvalid, "by must be messages, bytes or age.").at("by")
	}
	list, err := c.plane.o.Slow.Slow(c.r.Context(), r.Namespace, by, g.top)
	if err != nil {
		return err
	}
	for _, one := range list {
		g.value = append(g.value, one)
	}
	return c.respond(g)
}

func (c *call) session(ns, clientID string) error {
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodDelete:
		return c.endSession(ns, clientID, "delete")
	default:
		if err := c.enter(); err != nil {
			return err
		}
		return noMethod("GET, HEAD, DELETE")
	}
	r, err := c.about(ns, "sessions/read")
	if err != nil {
		return err
	}
	one, err := c.plane.o.Sessions.Session(c.r.Context(), r.Namespace, clientID)
	if err != nil {
		return noSession(clientID, err)
	}
	c.answer(http.StatusOK, one)
	return nil
}

func noSession(clientID string, err error) error {
	if errors.Is(err, ErrNoSession) {
		return refuse(http.StatusNotFound, codeNotFound, "There is no session of client %q.", clientID)
	}
	return err
}

// endSession disconnects (verb "disconnect/action") or deletes a session.
func (c *call) endSession(ns, clientID, verb string) error {
	r, err := c.about(ns, "sessions/"+verb)
	if err != nil {
		return err
	}
	c.target = "/gridmq/namespaces/" + r.Name + "/sessions/" + clientID
	reason, err := c.reason()
	if err != nil {
		return err
	}
	end, done := c.plane.o.Sessions.Delete, http.StatusOK
	if strings.HasPrefix(verb, "disconnect") {
		end = c.plane.o.Sessions.Disconnect
	}
	err = end(c.r.Context(), r.Namespace, clientID, reason)
	switch {
	case errors.Is(err, ErrNoSession) && verb == "delete":
		done = http.StatusNoContent
	case err != nil:
		return noSession(clientID, err)
	}
	c.plane.audit.Record(c.r.Context(), audit.Entry{Operator: c.caller.Name, From: c.fromText(), Operation: c.operation, Resource: c.target,
		Result: audit.Succeeded, Request: c.id})
	c.answer(done, nil)
	return nil
}

// reason is what the client is told: {"reason": "..."}, optional.
func (c *call) reason() (string, error) {
	if err := c.read(); err != nil {
		return "", err
	}
	var body struct{ Reason string }
	if len(c.body) > 0 {
		if err := json.Unmarshal(c.body, &body); err != nil {
			return "", refuse(http.StatusBadRequest, codeContent, "The body cannot be read: %v.", err)
		}
	}
	if len([]rune(body.Reason)) > maxReason {
		return "", refuse(http.StatusBadRequest, codeInvalid, "reason may have %d characters.", maxReason).at("reason")
	}
	if strings.ContainsFunc(body.Reason, unicode.IsControl) { // a client may end a connection for them [MQTT-1.5.4-2]
		return "", refuse(http.StatusBadRequest, codeInvalid, "reason may not have control characters, such as line ends.").at("reason")
	}
	if body.Reason == "" {
		body.Reason = "ended by an operator"
	}
	return body.Reason, nil
}
