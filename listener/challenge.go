package listener

import (
	"crypto/tls"
	"errors"
)

// alpnChallenge is the only protocol that an ACME server offers when it looks
// whether a host is ours. Source: RFC 8737, section 3.
const alpnChallenge = "acme-tls/1"

var errChallenge = errors.New("an ACME challenge was answered, and there is nothing more to say")

// withChallenge lets base answer challenges. Whoever offers something else as well
// is a client, and never gets such a certificate.
func (t *TLSConfig) withChallenge(base *tls.Config) *tls.Config {
	if t.Challenge == nil {
		return base
	}
	next, answer := base.GetConfigForClient, base.Clone()
	answer.GetConfigForClient, answer.GetCertificate = nil, t.Challenge
	answer.NextProtos, answer.ClientAuth = []string{alpnChallenge}, tls.NoClientCert
	answer.SessionTicketsDisabled = true
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		switch {
		case len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == alpnChallenge:
			return answer, nil
		case next != nil:
			return next(hello)
		}
		return nil, nil // base
	}
	return base
}

// challenged says whether the handshake was a challenge.
func (s *secure) challenged() bool {
	return s.tls.ConnectionState().NegotiatedProtocol == alpnChallenge
}
