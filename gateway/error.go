package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gridmq/delivery"
	"gridmq/event"
)

// An Error is an answer that says no (section 3.3).
type Error struct {
	Status     int
	Code       string
	Message    string
	RetryAfter int    // seconds; with 429 and 503
	Allow      string // the method that a path has, with 405
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// codes are what the statuses are called.
var codes = map[int]string{
	http.StatusBadRequest:            "BadRequest",
	http.StatusUnauthorized:          "Unauthorized",
	http.StatusForbidden:             "Forbidden",
	http.StatusNotFound:              "NotFound",
	http.StatusMethodNotAllowed:      "MethodNotAllowed",
	http.StatusRequestTimeout:        "RequestTimeout",
	http.StatusGone:                  "Gone",
	http.StatusRequestEntityTooLarge: "PayloadTooLarge",
	http.StatusUnsupportedMediaType:  "UnsupportedMediaType",
	http.StatusTooManyRequests:       "TooManyRequests",
	http.StatusInternalServerError:   "InternalServerError",
	http.StatusServiceUnavailable:    "ServerBusy",
}

// Refuse makes an error of one of the statuses of section 3.3.
func Refuse(status int, format string, args ...any) *Error {
	e := &Error{Status: status, Code: codes[status], Message: fmt.Sprintf(format, args...)}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		e.RetryAfter = 1
	}
	return e
}

func badRequest(format string, args ...any) *Error {
	return Refuse(http.StatusBadRequest, format, args...)
}

func busy(format string, args ...any) *Error {
	return Refuse(http.StatusServiceUnavailable, format, args...)
}

// errorFor decides what the client is told. What we did not decide to tell stays in
// our log.
func (c *call) errorFor(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*event.Error](err); ok {
		status := map[event.ErrorKind]int{event.TooLarge: http.StatusRequestEntityTooLarge,
			event.UnsupportedMedia: http.StatusUnsupportedMediaType}[e.Kind]
		if status == 0 {
			status = http.StatusBadRequest
		}
		return Refuse(status, "%s", e.Error())
	}
	switch {
	case errors.Is(err, delivery.ErrGone), errors.Is(err, delivery.ErrNoTopic):
		return c.missing()
	case errors.Is(err, delivery.ErrPush):
		return wrongMode()
	case errors.Is(err, delivery.ErrBacklog):
		return busy("The topic keeps as many bytes as it may: its subscriptions must catch up first.")
	case errors.Is(err, delivery.ErrClosed):
		return busy("The server is stopping.")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return busy("It took too long; it may have been done nevertheless.")
	case c.g.o.Busy(err):
		return busy("The server cannot store anything at the moment.")
	}
	return Refuse(http.StatusInternalServerError, "Something went wrong; the log of the server says more.")
}

// missing is the answer where topic or subscription do not exist (section 17).
func (c *call) missing() *Error {
	if c.target.op == Publish || c.target.op == PublishEvents {
		return Refuse(http.StatusGone, "The topic does not exist in this namespace.")
	}
	return Refuse(http.StatusNotFound, "The event subscription does not exist in this namespace.")
}

func wrongMode() *Error {
	return badRequest("The event subscription is delivered by push; only one with deliveryMode Queue can be received from.")
}

// clientGone is the code of requests whose client left before the answer. They are no
// failures of ours.
const clientGone = "ClientClosedRequest"

// fail answers with an error.
func (c *call) fail(err error) {
	e := c.errorFor(err)
	c.code = e.Code
	if c.r.Context().Err() != nil { // the client left: nobody hears this
		c.code, c.failed = clientGone, 0
	} else if e.Status >= 500 {
		level := slog.LevelError
		if e.Status == http.StatusServiceUnavailable { // clients can have as many as they like: they are counted
			level = slog.LevelDebug
		}
		c.g.log.Log(c.r.Context(), level, "data plane request failed", "request", c.id, "operation", c.operation(), "err", err)
	}
	c.drain()
	h := c.w.Header()
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	if e.Allow != "" {
		h.Set("Allow", e.Allow)
	}
	if e.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer") // with claims, clients would get another token, for ever
	}
	h.Set("x-ms-error-code", e.Code)
	type inner struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		Timestamp string `json:"timestamp_utc"`
		Tracking  string `json:"tracking_id"`
	}
	body, _ := json.Marshal(struct { // texts only: never fails
		Error inner `json:"error"`
	}{inner{e.Code, e.Message, time.Now().UTC().Format("2006-01-02T15:04:05.000000000") + "+00:00", strings.ToUpper(c.id)}})
	c.answer(e.Status, body)
}
