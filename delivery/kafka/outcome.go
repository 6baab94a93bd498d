package kafka

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"gridmq/delivery"
	"gridmq/delivery/push"
)

// Delays and pauses of sections 12.3 and 12.4. What lies with the destination's resource
// (401, 404) is tried again, as Event Grid does for the resources of Azure.
const (
	leastDelay  = 10 * time.Second
	longPause   = 5 * time.Minute
	busyPause   = 10 * time.Second
	socketPause = 30 * time.Second
)

var errUnknown = errors.New("no destination of the configuration has its resource id: add one below kafka")

// unknown is the verdict on what goes to a destination that is not in the configuration
// any more.
func unknown() push.Verdict {
	return push.Verdict{Outcome: delivery.NotFound, Delay: longPause, Pause: longPause, Err: errUnknown}
}

// judge says what the answer to a record means. cause is why the last connection failed,
// nil if it did not.
func judge(err, cause error) push.Verdict {
	v := push.Verdict{Outcome: delivery.Aborted, Delay: leastDelay, Err: err}
	switch {
	case err == nil:
		return push.Verdict{Outcome: delivery.Succeeded}
	// That others were stopped whose records stood before ours says nothing of ours.
	case errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrClientClosed), errors.Is(err, errClosed):
		v.Outcome, v.Delay = delivery.Canceled, 0
	case isAny(err, kerr.MessageTooLarge, kerr.RecordListTooLarge):
		v.Outcome, v.Final = delivery.PayloadTooLarge, true
	case isAny(err, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.UnsupportedForMessageFormat):
		v.Outcome, v.Final = delivery.BadRequest, true
	case isAny(err, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed):
		v.Outcome, v.Final, v.Pause = delivery.Forbidden, true, longPause
	case isAny(err, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.InvalidTopicException):
		v.Outcome, v.Delay, v.Pause = delivery.NotFound, longPause, longPause
	case isAuthentication(err):
		v.Outcome, v.Delay, v.Pause = delivery.Unauthorized, longPause, longPause
	case errors.Is(err, errCredential):
		v.Pause = socketPause
	case isAny(err, context.DeadlineExceeded, kgo.ErrRecordTimeout, kgo.ErrRecordRetries):
		if cause != nil && !errors.Is(cause, context.DeadlineExceeded) && !errors.Is(cause, context.Canceled) {
			return judge(cause, nil)
		}
		v.Outcome, v.Pause = delivery.TimedOut, busyPause
	case errors.Is(err, kgo.ErrMaxBuffered), kerr.IsRetriable(err):
		v.Outcome, v.Pause = delivery.Busy, busyPause
	case isTimeout(err):
		v.Outcome, v.Pause = delivery.TimedOut, busyPause
	case isUnknownName(err):
		v.Outcome, v.Pause = delivery.ResolutionError, longPause
	default:
		if _, ok := errors.AsType[*kerr.Error](err); !ok { // no connection, or an end of it
			v.Outcome, v.Pause = delivery.SocketError, socketPause
		}
	}
	return v
}

func isAny(err error, list ...error) bool {
	for _, one := range list {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

func isAuthentication(err error) bool {
	return isAny(err, kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState)
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout() && !isUnknownName(err)
}

func isUnknownName(err error) bool {
	_, ok := errors.AsType[*net.DNSError](err)
	return ok
}
