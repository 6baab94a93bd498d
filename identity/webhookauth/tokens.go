package webhookauth

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	tokenTimeout = 5 * time.Second
	// unknownLife is that of a token which does not say.
	unknownLife = 5 * time.Minute
	// a failed fetch is not repeated before; nor one that a refusal asked for
	tokenRetry    = time.Second
	tokenRejected = 30 * time.Second
)

// tokens keeps one token and fetches the next when the last fifth of its life (at
// most five minutes) has begun. While the old one is good nobody waits for the new.
type tokens struct {
	fetch func(context.Context) (string, time.Time, error)
	after func() // at the end of Close

	ctx   context.Context
	end   context.CancelFunc
	group sync.WaitGroup

	mu        sync.Mutex
	token     string
	fetched   time.Time
	renew     time.Time // when to fetch the next
	expires   time.Time
	attempted time.Time
	failed    error
	flight    chan struct{} // closed when the fetch under way is over
}

func newTokens(fetch func(context.Context) (string, time.Time, error), after func()) *tokens {
	ctx, end := context.WithCancel(context.Background())
	return &tokens{fetch: fetch, after: after, ctx: ctx, end: end}
}

func (t *tokens) Apply(ctx context.Context, h http.Header) error {
	token, err := t.get(ctx)
	if err == nil {
		h.Set("Authorization", "Bearer "+token)
	}
	return err
}

func (t *tokens) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	now := time.Now()
	if !now.Before(t.renew) && t.flight == nil && t.ctx.Err() == nil && now.Sub(t.attempted) >= tokenRetry {
		t.start(now)
	}
	wait := t.flight
	if wait != nil && !now.Before(t.expires) {
		t.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		t.mu.Lock()
	}
	defer t.mu.Unlock()
	switch {
	case t.ctx.Err() != nil:
		return "", errors.New("closed")
	case time.Now().Before(t.expires):
		return t.token, nil
	case t.failed != nil:
		return "", t.failed
	}
	return "", errors.New("the token has expired already")
}

// start fetches in a goroutine that Close waits for.
func (t *tokens) start(now time.Time) {
	done := make(chan struct{})
	t.flight, t.attempted = done, now
	t.group.Go(func() {
		ctx, cancel := context.WithTimeout(t.ctx, tokenTimeout)
		defer cancel()
		token, expires, err := t.fetch(ctx)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.failed = err
		if err == nil {
			t.take(token, expires, time.Now())
		}
		t.flight = nil
		close(done)
	})
}

func (t *tokens) take(token string, expires, now time.Time) {
	if expires.IsZero() {
		expires = now.Add(unknownLife)
	}
	t.token, t.fetched, t.expires = token, now, expires
	t.renew = expires.Add(-min(expires.Sub(now)/5, 5*time.Minute))
}

// Rejected lets the next call fetch a new token, if this one is not quite new. It
// is used until then: a webhook that says 401 to a client's bad password must not
// cost the others theirs.
func (t *tokens) Rejected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.fetched) >= tokenRejected && now.Sub(t.attempted) >= tokenRejected {
		t.renew = now
	}
}

// Close ends a fetch under way and waits for it.
func (t *tokens) Close() {
	t.mu.Lock()
	t.end()
	t.mu.Unlock()
	t.group.Wait()
	t.after()
}
