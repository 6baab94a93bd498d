package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	plane "gridmq/control/client"
)

const (
	attempts = 5
	longest  = 10 * time.Second // pause between two
)

// again repeats a request that the server was too busy for.
func again[T any](ctx context.Context, do func() (T, error)) (v T, err error) {
	for n := 1; ; n++ {
		v, err = do()
		refusal, ok := errors.AsType[*plane.Error](err)
		if !ok || n == attempts || refusal.Status != http.StatusTooManyRequests && refusal.Status != http.StatusServiceUnavailable {
			return v, err
		}
		select {
		case <-time.After(min(max(refusal.RetryAfter, time.Second), longest)):
		case <-ctx.Done():
			return v, context.Cause(ctx)
		}
	}
}
