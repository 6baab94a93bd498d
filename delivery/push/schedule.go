package push

import (
	"time"

	"gridmq/delivery"
)

// offsets are when attempts are due, from the first one on; after the last, one every
// five minutes (section 12.1).
var offsets = [...]time.Duration{0, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute}

// offset is when the attempt after n attempts is due, from the first one on.
func offset(n int) time.Duration {
	if n < len(offsets) {
		return offsets[n]
	}
	last := len(offsets) - 1
	return offsets[last] + time.Duration(n-last)*5*time.Minute
}

// delays are what delivery.TopicSchedule waits after one, two, ... attempts; after the
// last, always that (spec/routing.md, section 5).
var delays = [...]time.Duration{
	10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute,
	30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// nextBy is next of a schedule.
func nextBy(s delivery.Schedule, began time.Time, count int, now time.Time, delay time.Duration) time.Time {
	if s == delivery.TopicSchedule {
		return now.Add(max(delay, delays[min(max(count, 1), len(delays))-1]))
	}
	return next(began, count, now, delay)
}

// next is when the attempt after count attempts is made: when the schedule says, and
// not before the delay that the answer at now asks for (section 12.3).
func next(began time.Time, count int, now time.Time, delay time.Duration) time.Time {
	due, earliest := began.Add(offset(count)), now.Add(delay)
	if due.Before(earliest) {
		return earliest
	}
	return due
}
