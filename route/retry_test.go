package route

import (
	"testing"
	"time"
)

func TestRetryDelay(t *testing.T) { // section 5
	want := []time.Duration{
		10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 12 * time.Hour,
	}
	for i, d := range want {
		if got := RetryDelay(i + 1); got != d {
			t.Errorf("after %d attempts %v, want %v", i+1, got, d)
		}
	}
	if RetryDelay(0) != want[0] || RetryDelay(-1) != want[0] || RetryDelay(1<<40) != 12*time.Hour {
		t.Error("numbers beyond the schedule")
	}
}

func TestFailures(t *testing.T) { // section 5
	tests := map[int]struct {
		name    string
		retried bool
	}{
		200: {"", false}, 204: {"", false}, 404: {"TopicNotFoundError", false}, 410: {"TopicNotFoundError", false},
		401: {"AuthenticationError", false}, 403: {"AuthenticationError", false}, 429: {"TooManyRequests", true},
		500: {"ServiceError", true}, 503: {"ServiceError", true}, 400: {"ServiceError", true}, 302: {"ServiceError", true}, 0: {"ServiceError", true},
	}
	for status, want := range tests {
		if f := FailureOf(status); f.String() != want.name || f.Retried() != want.retried {
			t.Errorf("%d is %q, retried %v; want %q, %v", status, f, f.Retried(), want.name, want.retried)
		}
	}
}
