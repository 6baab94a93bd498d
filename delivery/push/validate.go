package push

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"gridmq/delivery"
)

// validateTime bounds the handshake (section 11).
const validateTime = 30 * time.Second

// ValidateEndpoint is Validate with the origin of the namespace: what
// control.Options.Endpoints wants.
func (p *Pool) ValidateEndpoint(ctx context.Context, namespace string, d *delivery.Destination) error {
	return p.Validate(ctx, p.o.Origin(strings.ToLower(namespace)), d)
}

// Validate asks the endpoint of d whether it wants events of origin (section 11), for
// 30 seconds at most. Its errors are for whoever makes the subscription.
func (p *Pool) Validate(ctx context.Context, origin string, d *delivery.Destination) error {
	switch {
	case d.EventHub != nil && p.o.Hubs != nil:
		return p.o.Hubs.ValidateHub(ctx, d)
	case d.WebHook == nil:
		return errors.New("events cannot be delivered to Event Hubs here; use a WebHook")
	case d.WebHook.Application != "" && p.o.Tokens == nil:
		return errors.New("azureActiveDirectoryApplicationIdOrUri cannot be used: nothing makes tokens for endpoints here")
	}
	if d.WebHook.Forward {
		return nil // who publishes is not asked for; the credential in the headers is the consent
	}
	if err := p.handshake(ctx, origin, d.WebHook.URL); err != nil {
		return fmt.Errorf("%w; see https://aka.ms/esvalidation", err)
	}
	return nil
}

func (p *Pool) handshake(ctx context.Context, origin, url string) error {
	ctx, cancel := context.WithTimeout(ctx, validateTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodOptions, url, nil)
	if err != nil {
		return errors.New("its URL cannot be used")
	}
	if err := p.checkURL(r.URL); err != nil {
		return err
	}
	r.Header[originHeader] = []string{origin}
	r.Header.Set("User-Agent", userAgent)
	resp, err := p.client.Do(r)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer to OPTIONS within %v", validateTime)
	case err != nil:
		return withoutURL(err)
	}
	drain(resp, cancel)
	if s := resp.StatusCode; s >= 400 && s != http.StatusMethodNotAllowed {
		return fmt.Errorf("OPTIONS was answered with status %d", s)
	}
	switch allowed := strings.TrimSpace(resp.Header.Get("WebHook-Allowed-Origin")); {
	case allowed == "*", strings.EqualFold(allowed, origin):
		return nil
	case allowed == "":
		return fmt.Errorf("the answer to OPTIONS (status %d) has no header WebHook-Allowed-Origin; it has to be %q or *", resp.StatusCode, origin)
	default:
		return fmt.Errorf("the answer to OPTIONS has WebHook-Allowed-Origin %.100q; it has to be %q or *", allowed, origin)
	}
}
