package push

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"gridmq/delivery"
)

// errToken says that there was no token to show.
var errToken = errors.New("no token for the endpoint")

const (
	tokenWait = 5 * time.Second
	// unknownLife is that of a token which does not say.
	unknownLife = 5 * time.Minute
	// maxTokens bounds what is kept; beyond it all are made anew.
	maxTokens = 10_000
)

// tokens keeps the tokens of a source until the last fifth of their lives.
type tokens struct {
	source TokenSource

	mu  sync.Mutex
	all map[[2]string]*token // by tenant and application
}

type token struct {
	turn chan struct{} // held by who looks at it, or asks the source
	text string
	end  time.Time // to be used until
}

func newTokens(source TokenSource) *tokens {
	return &tokens{source: source, all: map[[2]string]*token{}}
}

// authorize shows the token of hook's application.
func (t *tokens) authorize(ctx context.Context, hook *delivery.WebHook, h http.Header) error {
	if t.source == nil {
		return fmt.Errorf("%w: nothing makes tokens here", errToken)
	}
	x := t.entry(hook)
	select {
	case x.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errToken, context.Cause(ctx))
	}
	defer func() { <-x.turn }()
	if !time.Now().Before(x.end) {
		if err := t.fetch(ctx, hook, x); err != nil {
			return err
		}
	}
	h.Set("Authorization", "Bearer "+x.text)
	return nil
}

func (t *tokens) entry(hook *delivery.WebHook) *token {
	key := [2]string{hook.Tenant, hook.Application}
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.all[key]
	if x == nil {
		if len(t.all) >= maxTokens {
			clear(t.all)
		}
		x = &token{turn: make(chan struct{}, 1)}
		t.all[key] = x
	}
	return x
}

// fetch asks the source. x.turn is held.
func (t *tokens) fetch(ctx context.Context, hook *delivery.WebHook, x *token) error {
	ctx, cancel := context.WithTimeout(ctx, tokenWait)
	defer cancel()
	text, expires, err := t.source(ctx, hook.Tenant, hook.Application)
	if err != nil {
		return fmt.Errorf("%w: %w", errToken, err)
	}
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%w: what was made cannot be sent in a header", errToken)
	}
	now := time.Now()
	if expires.IsZero() {
		expires = now.Add(unknownLife)
	}
	x.text, x.end = text, now.Add(expires.Sub(now)*4/5)
	return nil
}

// forget has the next request get another token: this one was refused.
func (t *tokens) forget(hook *delivery.WebHook) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, [2]string{hook.Tenant, hook.Application})
}
