package listener

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// A refusal is an error with the reason it is counted under.
type refusal struct {
	why Reason
	err error
}

func (r *refusal) Error() string { return r.why.String() + ": " + r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

func refused(why Reason, err error) error { return &refusal{why, err} }

// greet takes a connection through its handshakes and hands it over.
func (l *Listener) greet(nc net.Conn, p *pass) {
	c, err := l.shakeHands(nc, p)
	switch {
	case err != nil:
		l.refuse(nc, l.reason(err), err)
		l.leave(p)
	case c == nil: // the HTTP fallback has it, and p
	default:
		// Greeting leaves a grown stack behind, 4 KiB without and up to 32 KiB
		// with TLS, and a parked goroutine never gives it back. So a fresh one
		// starts with 2 KiB, and this one ends.
		l.wg.Go(func() { l.serve(c, p) })
	}
}

// shakeHands does what the listener is configured for, in the order it is on
// the wire. A nil Conn without an error went to the HTTP fallback.
func (l *Listener) shakeHands(nc net.Conn, p *pass) (Conn, error) {
	if !l.beginGreeting(nc) {
		return nil, refused(RefusedClosing, net.ErrClosed)
	}
	defer l.endGreeting(nc)
	if err := nc.SetDeadline(time.Now().Add(l.cfg.HandshakeTimeout)); err != nil {
		return nil, err
	}
	w, err := newSocket(nc.(netConn))
	if err != nil {
		return nil, err
	}
	id := identity{cfg: &l.cfg}
	if err := l.readProxy(w, &id); err != nil {
		return nil, refused(RefusedProxy, err)
	}
	from := nc.RemoteAddr()
	if id.remote != nil {
		from = id.remote
	}
	switch where, known := neighbourhood(from); {
	case known && l.cfg.Penalty.away(where):
		return nil, refused(RefusedPenalty, errAway)
	case !p.comesFrom(from):
		return nil, refused(RefusedAddress, errTooMany)
	}
	var c stream = &plain{identity: id, wire: w, kind: "tcp"}
	if l.cfg.TLS != nil {
		sec, err := acceptTLS(w, id, l.tls)
		if err != nil {
			if ip, ok := addrOf(from); ok {
				l.cfg.Penalty.Blame(ip)
			}
			return nil, refused(RefusedTLS, err)
		}
		if l.cfg.TLS.Challenge != nil && sec.challenged() {
			sec.Close()
			return nil, refused(RefusedChallenge, errChallenge)
		}
		c = sec
	}
	if !l.cfg.WebSocket {
		return c, nc.SetDeadline(time.Time{})
	}
	up, replay, err := l.upgrade(c)
	if err != nil {
		c.Close() // with a TLS good-bye behind the HTTP refusal
		return nil, refused(RefusedUpgrade, err)
	}
	if err := nc.SetDeadline(time.Time{}); err != nil || up != nil {
		return up, err
	}
	l.stats.HTTP.Add(1)
	return nil, l.http.take(c, replay, func() { l.leave(p) })
}

var errTooMany = errors.New("too many connections from this address")
var errAway = errors.New("too many refusals from this address lately")

func (l *Listener) beginGreeting(nc net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
		return false
	default:
	}
	l.greeting[nc] = struct{}{}
	l.stats.Greeting.Add(1)
	return true
}

func (l *Listener) endGreeting(nc net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.greeting, nc)
	l.stats.Greeting.Add(-1)
}

// reason prefers what happened to the connection over the stage it was in.
func (l *Listener) reason(err error) Reason {
	select {
	case <-l.closed:
		return RefusedClosing
	default:
	}
	r, ok := errors.AsType[*refusal](err)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return RefusedSlow
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return RefusedGone
	case ok:
		return r.why
	}
	return RefusedGone
}
