package webhookauth

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"

	"gridmq/internal/outbound"
)

// maxAnswer bounds the body of an answer.
const maxAnswer = 64 << 10

// A failure is why there is no decision. class is from a closed set: Timeout,
// Connection, Certificate, Status, TooLarge, InvalidResponse, Credential,
// Canceled, CircuitOpen, QueueFull, QueueTimeout, Internal.
type failure struct {
	status int // of the answer; 0: there was none
	class  string
	err    error
}

func (f *failure) Error() string { return f.class + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

var errDown = errors.New("it has failed several times in a row; it is tried again from time to time")

// call makes the request, a second time if the connection was reset before an
// answer came: a webhook that restarts does that to connections that were idle.
func (w *Webhook) call(ctx context.Context, body []byte) (*decision, error) {
	ctx, cancel := context.WithTimeout(ctx, w.c.Timeout)
	defer cancel()
	a, err := w.attempt(ctx, body)
	if a == nil && wasReset(err) && ctx.Err() == nil {
		w.stats.retried.Add(1)
		a, err = w.attempt(ctx, body)
	}
	if err != nil {
		return nil, classify(a, err)
	}
	d, err := decodeAnswer(a)
	if f, ok := errors.AsType[*failure](err); ok && (f.status == http.StatusUnauthorized || f.status == http.StatusForbidden) && w.c.Credential != nil {
		w.c.Credential.Rejected() // a new token may be better
	}
	return d, err
}

func (w *Webhook) attempt(ctx context.Context, body []byte) (*outbound.Answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.c.Endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "GridMQ")
	if w.c.Credential != nil {
		if err := w.c.Credential.Apply(ctx, r.Header); err != nil {
			return nil, &failure{class: "Credential", err: err}
		}
	}
	return outbound.Do(w.client, r, maxAnswer)
}

// wasReset says whether the connection ended under the request.
func wasReset(err error) bool {
	if _, ok := errors.AsType[*failure](err); ok {
		return false
	}
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF)
}

func classify(a *outbound.Answer, err error) error {
	if _, ok := errors.AsType[*failure](err); ok {
		return err
	}
	f := &failure{class: "Connection", err: err}
	if a != nil {
		f.status, f.class = a.Status, "InvalidResponse"
	}
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, invalid := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(err, context.Canceled):
		f.class = "Canceled"
	case isTimeout(err):
		f.class = "Timeout"
	case unknown || invalid || errors.Is(err, outbound.ErrPin):
		f.class = "Certificate"
	case errors.Is(err, outbound.ErrTooLarge):
		f.class = "TooLarge"
	}
	return f
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && n.Timeout()
}

// verdictOf says what a call tells about the webhook as a whole. One answer that
// makes no sense does not: a client that can cause it would lock out all others.
func verdictOf(ctx context.Context, err error) verdict {
	f, failed := errors.AsType[*failure](err)
	switch {
	case !failed:
		return working
	case f.class == "Canceled" || f.class == "Timeout" && ctx.Err() != nil:
		return unknown // the client's time ended, not the webhook's
	case f.class == "Timeout" || f.class == "Connection" || f.class == "Certificate" || f.class == "Credential":
		return broken
	case f.status == http.StatusTooManyRequests || f.status >= http.StatusBadGateway && f.status <= http.StatusGatewayTimeout:
		return broken
	}
	return working
}

func unexpected(status int, format string, args ...any) error {
	return &failure{status: status, class: "InvalidResponse", err: fmt.Errorf(format, args...)}
}
