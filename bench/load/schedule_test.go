package load

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

const ms = time.Millisecond

// TestSchedule: one message each interval, from the offset on.
func TestSchedule(t *testing.T) {
	s := schedule{interval: 10 * ms, offset: 3 * ms}
	steps := []struct {
		name       string
		now        time.Duration
		open       bool
		due        bool
		stamp      time.Duration
		wait       time.Duration
		waitsABell bool
	}{
		{"the first is due after the offset", 100 * ms, true, false, 0, 3 * ms, false},
		{"then", 103 * ms, true, true, 103 * ms, 0, false},
		{"not two at once", 103 * ms, true, false, 0, 10 * ms, false},
		{"we are late ourselves: no stamp of the past", 115 * ms, true, true, 115 * ms, 0, false},
		{"but the beat is kept", 116 * ms, true, false, 0, 7 * ms, false},
		{"the window is full", 123 * ms, false, false, 0, 0, true},
		{"still full", 130 * ms, false, false, 0, 0, true},
		{"the broker was late: its latency counts", 140 * ms, true, true, 123 * ms, 0, false},
		{"the next is late through us again", 140 * ms, true, true, 140 * ms, 0, false},
		{"and nothing until its time", 141 * ms, true, false, 0, 2 * ms, false},
	}
	for _, step := range steps {
		due, stamp, wait := s.next(step.now, step.open)
		if step.waitsABell {
			if due || wait < time.Minute {
				t.Errorf("%s: due %t, wait %v, want to be woken", step.name, due, wait)
			}
			continue
		}
		if due != step.due || stamp != step.stamp || wait != step.wait {
			t.Errorf("%s: due %t, stamp %v, wait %v, want %t, %v, %v", step.name, due, stamp, wait, step.due, step.stamp, step.wait)
		}
	}
}

// TestScheduleAfterSleep: after more than a second there is no burst.
func TestScheduleAfterSleep(t *testing.T) {
	s := schedule{interval: ms}
	s.next(0, true)
	burst := 0
	for due := true; due; {
		if due, _, _ = s.next(5*time.Second, true); due {
			burst++
		}
	}
	if burst > 2 {
		t.Errorf("%d messages at once after five seconds asleep", burst)
	}
}

// TestScheduleRate: called at any times not too far apart, it keeps its rate,
// and never stamps the future.
func TestScheduleRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := schedule{interval: time.Duration(rapid.Int64Range(int64(ms), int64(100*ms)).Draw(t, "interval"))}
		now, sent := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "start")), 0
		begin := now
		for range rapid.IntRange(1, 200).Draw(t, "calls") {
			due, stamp, wait := s.next(now, true)
			switch {
			case due && stamp > now:
				t.Fatalf("stamp %v is in the future of %v", stamp, now)
			case due:
				sent++
			case wait <= 0 || wait > s.interval:
				t.Fatalf("wait is %v with an interval of %v", wait, s.interval)
			default:
				now += min(wait, time.Duration(rapid.Int64Range(1, int64(2*s.interval)).Draw(t, "step")))
			}
		}
		want := int((now-begin)/s.interval) + 1
		if sent > want || sent < want-1 {
			t.Fatalf("%d messages in %v, one each %v", sent, now-begin, s.interval)
		}
	})
}
