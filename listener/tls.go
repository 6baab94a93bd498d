package listener

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"time"
)

// TLSConfig makes a listener a secure one. Clients are asked for a certificate
// and never need one; whom it belongs to is decided after CONNECT, from
// Info.TLS (spec/mqtt-protocol.md section 1: tokens have none, self-signed ones
// are legal, the webhook must see those we do not trust).
type TLSConfig struct {
	// Certificates of the server. Required.
	Certificates *Certificates
	// MinVersion is tls.VersionTLS12 (default) or tls.VersionTLS13.
	MinVersion uint16
	// Challenge gives the certificate that answers an ACME server which proves that
	// a host is ours (TLS-ALPN-01, RFC 8737). Default: nobody is answered.
	Challenge func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// alpnMQTT is the registered name of MQTT in ALPN.
const alpnMQTT = "mqtt"

func (t *TLSConfig) config(webSocket bool) *tls.Config {
	base := &tls.Config{
		MinVersion:     max(cmp.Or(t.MinVersion, tls.VersionTLS12), tls.VersionTLS12),
		ClientAuth:     tls.RequestClientCert, // asks, never verifies
		GetCertificate: t.Certificates.Get,
		// A Push is one burst; slow-start record sizes only add headers to it.
		DynamicRecordSizingDisabled: true,
	}
	if webSocket {
		base.NextProtos = []string{"http/1.1"} // no h2: the upgrade needs HTTP/1.1
		return t.withChallenge(base)
	}
	// With NextProtos set, crypto/tls refuses clients that offer only names of
	// other brokers' making. So it is set only for clients that offer ours.
	named := base.Clone()
	named.NextProtos = []string{alpnMQTT}
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedProtos, alpnMQTT) {
			return named, nil
		}
		return nil, nil // base
	}
	return t.withChallenge(base)
}

// A secure connection lets crypto/tls work on memory: what it writes goes to
// the outbox, and from there as any other bytes; what it reads is what is there
// without waiting. So Push cannot block, a slow peer cannot break the TLS state
// with a time-out in mid-record, and an idle connection parks outside of TLS.
type secure struct {
	identity
	wire wire
	out  outbox
	tls  *tls.Conn

	open    bool        // the handshake is over; set before anybody else looks
	pushing atomic.Bool // what crypto/tls writes now is ours, not an answer
	closed  atomic.Bool
	peeked  [1]byte // Wait had to decrypt to know that data is there
	hasByte bool
	dry     bool // crypto/tls has nothing left to decrypt
}

// underTLS is the secure connection as crypto/tls sees it: its transport.
type underTLS secure

// acceptTLS does the handshake; the deadline is set on the wire.
func acceptTLS(w wire, id identity, cfg *tls.Config) (*secure, error) {
	s := &secure{identity: id, wire: w}
	s.tls = tls.Server((*underTLS)(s), cfg)
	if err := s.tls.Handshake(); err != nil {
		return nil, err
	}
	s.open = true
	return s, nil
}

func (u *underTLS) Read(b []byte) (int, error) {
	if !u.open {
		return u.wire.Read(b)
	}
	return u.wire.tryRead(b)
}

func (u *underTLS) Write(b []byte) (int, error) {
	var err error
	switch {
	case !u.open:
		return u.wire.Write(b)
	case u.pushing.Load():
		_, err = u.out.push(u.wire, b)
	default: // a key update or an alert, while reading
		err = u.out.answer(u.wire, b)
	}
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

// Deadlines and the end are the wire's, not for crypto/tls to decide.
func (u *underTLS) Close() error                     { return nil }
func (u *underTLS) SetDeadline(time.Time) error      { return nil }
func (u *underTLS) SetReadDeadline(time.Time) error  { return nil }
func (u *underTLS) SetWriteDeadline(time.Time) error { return nil }
func (u *underTLS) LocalAddr() net.Addr              { return u.wire.LocalAddr() }
func (u *underTLS) RemoteAddr() net.Addr             { return u.wire.RemoteAddr() }

// Wait has to decrypt: bytes on the wire may be a key update, or half a record.
func (s *secure) Wait() error {
	for !s.hasByte {
		n, err := s.decrypt(s.peeked[:])
		switch {
		case n > 0:
			s.hasByte = true
		case !errors.Is(err, errAgain):
			return err
		default:
			if err := s.park(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *secure) park() error {
	if s.hasByte || !s.dry {
		return nil // tryRead may have news without the wire
	}
	s.dry = false
	return s.wire.park()
}

// decrypt reads without waiting, as underTLS does not wait.
func (s *secure) decrypt(b []byte) (int, error) {
	n, err := s.tls.Read(b)
	s.dry = errors.Is(err, errAgain)
	if n > 0 {
		err = nil // crypto/tls looks ahead for an alert; what it met, it will tell again
	}
	return n, err
}

func (s *secure) Read(b []byte) (int, error) {
	for {
		n, err := s.tryRead(b)
		if !errors.Is(err, errAgain) {
			return n, err
		}
		if err := s.park(); err != nil {
			return 0, err
		}
	}
}

func (s *secure) tryRead(b []byte) (int, error) {
	if !s.hasByte || len(b) == 0 {
		return s.decrypt(b)
	}
	b[0], s.hasByte = s.peeked[0], false
	n, _ := s.decrypt(b[1:]) // an error is told again by the next read
	return 1 + n, nil
}

func (s *secure) Push(b []byte) (bool, error) {
	s.pushing.Store(true)
	_, err := s.tls.Write(b)
	s.pushing.Store(false)
	if err != nil && s.closed.Load() {
		err = net.ErrClosed // and not what crypto/tls calls it
	}
	return err == nil && s.Pending() == 0, err
}

func (s *secure) answer(b []byte) error {
	_, err := s.tls.Write(b)
	return err
}

func (s *secure) Drain(timeout time.Duration) error {
	err := s.out.drain(s.wire, timeout)
	if err != nil {
		s.Close()
	}
	return err
}

// Close says good-bye (close_notify) if the wire takes it at once.
func (s *secure) Close() error {
	s.closed.Store(true)
	s.tls.CloseWrite()
	err := s.wire.Close()
	s.out.close()
	return err
}

func (s *secure) Pending() int                      { return int(s.out.pending.Load()) }
func (s *secure) SetReadDeadline(t time.Time) error { return s.wire.SetReadDeadline(t) }

func (s *secure) LocalAddr() net.Addr { return s.wire.LocalAddr() }

func (s *secure) RemoteAddr() net.Addr {
	if s.remote != nil {
		return s.remote
	}
	return s.wire.RemoteAddr()
}

// Info makes the TLS state anew each time: kept, it would cost each idle
// connection more than the rest of this struct.
func (s *secure) Info() Info {
	in := s.info("tls")
	state := s.tls.ConnectionState()
	in.TLS = &state
	return in
}
