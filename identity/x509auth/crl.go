package x509auth

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// A StalePolicy says what to do when a revocation list is past its next update.
type StalePolicy uint8

const (
	RefuseStale StalePolicy = iota // refuse the clients of its issuer
	AcceptStale                    // go on with what it says
)

const (
	maxCRL  = 64 << 20 // bytes of one file
	maxSkew = 5 * time.Minute
)

// A serial stands for a serial number.
type serial [16]byte

func serialOf(n *big.Int) serial {
	sum := sha256.Sum256(append(n.Bytes(), byte(n.Sign())))
	return serial(sum[:])
}

// revocations are the lists in force, by who issued them. They do not change.
type revocations struct {
	lists map[issuer][]*list
}

// A list is one revocation list. An issuer with several has divided its
// certificates among them by scope; each is then needed.
type list struct {
	scope   string // the issuing distribution point, DER
	number  *big.Int
	updated time.Time
	next    time.Time
	serials map[serial]struct{} // 16 bytes each and little more
}

// crlsIn takes a file apart. What is not PEM is taken for DER.
func crlsIn(file []byte) (ders [][]byte) {
	for rest := file; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "X509 CRL" {
			ders = append(ders, block.Bytes)
		}
	}
	if ders == nil {
		return [][]byte{file}
	}
	return ders
}

// readList reads a list that is complete, whoever has signed it.
func readList(der []byte) (*x509.RevocationList, *list, error) {
	crl, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, nil, err
	}
	if crl.NextUpdate.IsZero() {
		return nil, nil, errors.New("does not say how long it is good for (nextUpdate)")
	}
	l := &list{number: crl.Number, updated: crl.ThisUpdate, next: crl.NextUpdate}
	if l.scope, err = scopeOf(crl); err != nil {
		return nil, nil, err
	}
	l.serials = make(map[serial]struct{}, len(crl.RevokedCertificateEntries))
	for _, entry := range crl.RevokedCertificateEntries {
		l.serials[serialOf(entry.SerialNumber)] = struct{}{}
	}
	return crl, l, nil
}

// file puts a list in, unless there is a newer one of its scope.
func (r *revocations) file(by issuer, l *list) {
	for i, other := range r.lists[by] {
		if other.scope == l.scope {
			if l.newerThan(other) {
				r.lists[by][i] = l
			}
			return
		}
	}
	r.lists[by] = append(r.lists[by], l)
}

func (l *list) newerThan(other *list) bool {
	if l.number != nil && other.number != nil && l.number.Cmp(other.number) != 0 {
		return l.number.Cmp(other.number) > 0
	}
	return l.updated.After(other.updated)
}

var (
	oidDelta = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidScope = asn1.ObjectIdentifier{2, 5, 29, 28}
)

// issuingDistributionPoint, RFC 5280 section 5.2.5.
type issuingDistributionPoint struct {
	Point          asn1.RawValue  `asn1:"optional,tag:0"`
	OnlyUsers      bool           `asn1:"optional,tag:1"`
	OnlyCAs        bool           `asn1:"optional,tag:2"`
	OnlyReasons    asn1.BitString `asn1:"optional,tag:3"`
	Indirect       bool           `asn1:"optional,tag:4"`
	OnlyAttributes bool           `asn1:"optional,tag:5"`
}

// scopeOf returns which certificates a list is about. Lists that are only a part of
// the truth are refused: differences to another list, some reasons only, other
// issuers' certificates.
func scopeOf(crl *x509.RevocationList) (scope string, err error) {
	for _, e := range crl.Extensions {
		switch {
		case e.Id.Equal(oidDelta):
			return "", errors.New("is a delta list; want complete ones")
		case e.Id.Equal(oidScope):
			var p issuingDistributionPoint
			if rest, err := asn1.Unmarshal(e.Value, &p); err != nil || len(rest) > 0 {
				return "", errors.New("has a distribution point that cannot be read")
			}
			if p.Indirect || p.OnlyAttributes || p.OnlyReasons.BitLength > 0 {
				return "", errors.New("is for other issuers, attribute certificates or some reasons only; want complete ones")
			}
			scope = string(e.Value)
		case e.Critical:
			return "", fmt.Errorf("has a critical extension %v that is not supported", e.Id)
		}
	}
	return scope, nil
}

// onList refuses a certificate that is on one of its issuer's lists.
func onList(cert *x509.Certificate, lists []*list) error {
	if len(lists) == 0 {
		return nil
	}
	number := serialOf(cert.SerialNumber)
	for _, l := range lists {
		if _, revoked := l.serials[number]; revoked {
			return refuse("the certificate with serial number %x is on the revocation list of its issuer", cert.SerialNumber)
		}
	}
	return nil
}

// fresh refuses everybody when one of the lists is not good any more.
func fresh(lists []*list) error {
	for _, l := range lists {
		if time.Now().After(l.next) {
			return refuse("the revocation list of the certificate's issuer was good until %s; provide a new one", l.next.UTC().Format(time.RFC3339))
		}
	}
	return nil
}
