package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
)

var errNoChallenge = errors.New("no ACME challenge is under way for this host")

// event is told by certmagic. What has been renewed is read from the disk: its cache
// tells nobody when it is replaced.
func (a *acme) event(ctx context.Context, name string, data map[string]any) error {
	if renewed, _ := data["renewal"].(bool); name != "cert_obtained" || !renewed {
		return nil
	}
	host, _ := data["identifier"].(string)
	cert, err := a.read(ctx, data["certificate_path"], data["private_key_path"])
	if err != nil {
		a.log.Error("renewed certificate not read", "host", host, "err", err)
		return nil
	}
	a.got(host, cert)
	a.log.Info("certificate renewed", "host", host, "until", cert.Leaf.NotAfter)
	return nil
}

func (a *acme) read(ctx context.Context, chain, key any) (*tls.Certificate, error) {
	var pem [2][]byte
	for i, path := range []any{chain, key} {
		name, _ := path.(string)
		var err error
		if pem[i], err = a.config.Storage.Load(ctx, name); err != nil {
			return nil, err
		}
	}
	cert, err := tls.X509KeyPair(pem[0], pem[1])
	if err == nil && cert.Leaf == nil { // GODEBUG=x509keypairleaf=0
		cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0])
	}
	return &cert, err
}

// answerChallenge is the certificate that proves that a host is ours, while somebody asks for
// a proof; in the shape of listener.TLSConfig.Challenge.
func answerChallenge(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	challenge, underWay := certmagic.GetACMEChallenge(canonicalHost(hello.ServerName))
	if !underWay {
		return nil, errNoChallenge
	}
	return acmez.TLSALPN01ChallengeCert(challenge.Challenge)
}
