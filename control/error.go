package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"gridmq/control/resource"
	"gridmq/store"
)

// An Error is an answer that says no. Source: spec/control-plane.md, section 7.
type Error struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
	// Target is the member or parameter that it is about.
	Target     string        `json:"target,omitempty"`
	Details    []Detail      `json:"details,omitempty"`
	RetryAfter time.Duration `json:"-"`
	// Allow lists the methods that a path has, with 405.
	Allow string `json:"-"`
}

// A Detail is one of several faults.
type Detail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Target  string `json:"target,omitempty"`
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Codes that are used in more than one place.
const (
	codeInvalid  = "InvalidRequest"
	codeContent  = "InvalidRequestContent"
	codeNotFound = "ResourceNotFound"
	codeNoParent = "ParentResourceNotFound"
	codeConflict = "Conflict"
)

func refuse(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) at(target string) *Error { e.Target = target; return e }

// below says that everything that is wrong lies below a member.
func (e *Error) below(member string) *Error {
	e.Target = member + "." + e.Target
	for i := range e.Details {
		e.Details[i].Target = member + "." + e.Details[i].Target
	}
	return e
}

func notFound(id string) *Error {
	return refuse(http.StatusNotFound, codeNotFound, "The resource %q was not found.", id)
}

func noMethod(allow string) *Error {
	e := refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "This resource has only %s.", allow)
	e.Allow = allow
	return e
}

// reasons are how the resources' refusals are told.
var reasons = map[resource.Reason]struct {
	status int
	code   string
}{
	resource.Invalid:      {http.StatusBadRequest, codeInvalid},
	resource.WrongType:    {http.StatusBadRequest, codeContent},
	resource.NotFound:     {http.StatusNotFound, codeNotFound},
	resource.NoParent:     {http.StatusNotFound, codeNoParent},
	resource.Conflict:     {http.StatusConflict, codeConflict},
	resource.InUse:        {http.StatusConflict, codeConflict},
	resource.OverQuota:    {http.StatusConflict, "QuotaExceeded"},
	resource.Precondition: {http.StatusPreconditionFailed, "PreconditionFailed"},
	resource.Busy:         {http.StatusConflict, codeConflict},
}

// errorFor decides what the caller is told. What we did not decide to tell stays
// in our log.
func errorFor(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*resource.Error](err); ok {
		r := reasons[e.Reason]
		answer := &Error{Status: r.status, Code: r.code, Message: e.Message, Target: e.Target}
		for _, f := range e.Faults {
			answer.Details = append(answer.Details, Detail{codeInvalid, f.Message, f.Target})
		}
		return answer
	}
	busy := func(message string) *Error {
		e := refuse(http.StatusServiceUnavailable, "ServerBusy", "%s", message)
		e.RetryAfter = time.Second
		return e
	}
	switch {
	case errors.Is(err, store.ErrFull):
		return busy("The disk is full; changes are possible again when there is space.")
	case errors.Is(err, store.ErrClosed):
		return busy("The server is stopping.")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return busy("It took too long; look whether it was done before trying again.")
	}
	return refuse(http.StatusInternalServerError, "InternalServerError", "Something went wrong; the log of the server says more.")
}

func (c *call) fail(err error) {
	e := errorFor(err)
	if e.Status >= 500 {
		c.plane.log.Error("management request failed", "request", c.id, "method", c.r.Method, "path", c.r.URL.Path, "err", err)
	}
	h := c.w.Header()
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if e.Allow != "" {
		h.Set("Allow", e.Allow)
	}
	if e.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	c.answer(e.Status, struct {
		Error *Error `json:"error"`
	}{e})
}

// answer writes JSON; nil is no body.
func (c *call) answer(status int, body any) {
	c.status = status
	if body == nil {
		c.w.WriteHeader(status)
		return
	}
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.WriteHeader(status)
	if c.r.Method == http.MethodHead {
		return
	}
	e := json.NewEncoder(c.w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // the caller may have gone
}
