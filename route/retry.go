package route

import (
	"net/http"
	"time"
)

// delays are those before the second, third, ... attempt (section 5).
var delays = [...]time.Duration{
	10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute,
	30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// RetryDelay is how long to wait after an event has been tried that many times and was
// not taken. When to give up is the destination's matter: with its retention.
func RetryDelay(attempts int) time.Duration {
	return delays[min(max(attempts, 1), len(delays))-1]
}

// A Failure is why a topic did not take an event: the dimension Error of the metric
// Mqtt.FailedRoutedMessages (section 5).
type Failure uint8

const (
	NoFailure       Failure = iota
	TopicNotFound           // the topic was deleted
	Unauthenticated         // the right to send was taken away
	TooManyRequests         // over the limit of the destination
	ServiceError            // anything else, and no answer at all
)

var failureNames = [...]string{"", "TopicNotFoundError", "AuthenticationError", "TooManyRequests", "ServiceError"}

func (f Failure) String() string { return failureNames[f] }

// Retried says whether the event is tried again; if not, it is dropped.
func (f Failure) Retried() bool { return f == TooManyRequests || f == ServiceError }

// FailureOf is what the status of an answer on HTTP means; 0 is no answer.
func FailureOf(status int) Failure {
	switch {
	case 200 <= status && status < 300:
		return NoFailure
	case status == http.StatusNotFound || status == http.StatusGone:
		return TopicNotFound
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return Unauthenticated
	case status == http.StatusTooManyRequests:
		return TooManyRequests
	}
	return ServiceError
}
