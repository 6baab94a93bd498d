package push

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"gridmq/delivery"
)

// An answer is what a request came to.
type answer struct {
	outcome delivery.Outcome
	final   bool          // not tried again
	delay   time.Duration // until the next attempt, at least
	pause   time.Duration // of the destination as a whole
	err     error         // when there was no answer; it has no URL
	status  int
}

// Delays and pauses of sections 12.3 and 12.4.
const (
	leastDelay  = 10 * time.Second
	delayOf408  = 2 * time.Minute
	delayOf503  = 30 * time.Second
	maxRetry    = time.Hour // of Retry-After
	longPause   = 5 * time.Minute
	busyPause   = 10 * time.Second
	socketPause = 30 * time.Second
)

// judge says what a status means (sections 10.2 and 12). Redirects and other statuses
// of success are failures like any.
func judge(status int, h http.Header, now time.Time) answer {
	a := answer{outcome: delivery.Aborted, delay: leastDelay, status: status}
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNonAuthoritativeInfo, http.StatusNoContent:
		return answer{outcome: delivery.Succeeded, status: status}
	case http.StatusBadRequest:
		a.outcome, a.final = delivery.BadRequest, true
	case http.StatusUnauthorized:
		a.outcome, a.final, a.pause = delivery.Unauthorized, true, longPause
	case http.StatusForbidden:
		a.outcome, a.final, a.pause = delivery.Forbidden, true, longPause
	case http.StatusNotFound, http.StatusGone:
		a.outcome, a.final, a.pause = delivery.NotFound, true, longPause
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong:
		a.outcome, a.final = delivery.PayloadTooLarge, true
	case http.StatusRequestTimeout:
		a.outcome, a.delay, a.pause = delivery.TimedOut, delayOf408, busyPause
	case http.StatusGatewayTimeout:
		a.outcome, a.pause = delivery.TimedOut, busyPause
	case http.StatusServiceUnavailable:
		a.outcome, a.delay, a.pause = delivery.Busy, delayOf503, busyPause
		a.wait(h, now)
	case http.StatusTooManyRequests:
		a.outcome, a.pause = delivery.Busy, busyPause
		a.wait(h, now)
	}
	return a
}

// wait obeys Retry-After: the destination as a whole has asked for it.
func (a *answer) wait(h http.Header, now time.Time) {
	asked := min(retryAfter(h.Get("Retry-After"), now), maxRetry)
	a.delay, a.pause = max(a.delay, asked), max(a.pause, asked)
}

// retryAfter reads seconds or a date; what it cannot read, and the past, is 0.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}

// judgeError says what it means that there was no answer. ctx is the pusher's: when it
// has ended we have stopped it ourselves.
func judgeError(ctx context.Context, err error, strict bool) answer {
	a := answer{outcome: delivery.SocketError, delay: leastDelay, pause: socketPause, final: strict, err: err}
	_, unknownName := errors.AsType[*net.DNSError](err)
	n, isNet := errors.AsType[net.Error](err)
	switch {
	case ctx.Err() != nil:
		return answer{outcome: delivery.Canceled, err: err}
	case errors.Is(err, errToken):
		a.outcome, a.pause, a.final = delivery.Aborted, 0, false
	case unknownName:
		a.outcome, a.pause = delivery.ResolutionError, longPause
	case errors.Is(err, context.DeadlineExceeded), isNet && n.Timeout():
		a.outcome, a.pause = delivery.TimedOut, busyPause
	}
	return a
}
