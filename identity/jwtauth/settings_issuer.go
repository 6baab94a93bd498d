package jwtauth

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gridmq/identity"
	"gridmq/internal/outbound"
)

// readArm reads the issuer of Azure's shape: a name, and certificates that were
// uploaded or are at URLs. Both lists count. given is false without any member.
func readArm(p *identity.Properties, azure bool) (is IssuerSettings, given bool) {
	is.Name, given = p.Text("tokenIssuer", maxText)
	most := maxUploaded
	if azure {
		is.Algorithms, most = azureAlgorithms, azureUploads
	}
	var uploaded, located bool
	is.Keys, uploaded = readKeys(p, most)
	is.Certificates, located = readLocated(p, most, azure)
	switch {
	case !given && !uploaded && !located:
		return is, false
	case is.Name == "":
		p.Fail("tokenIssuer", "want the iss claim of the tokens")
	case len(is.Keys)+len(is.Certificates) == 0 && p.Err() == nil:
		p.Fail("encodedIssuerCertificates", "want a certificate here, or in issuerCertificates")
	}
	return is, true
}

// readKeys reads encodedIssuerCertificates.
func readKeys(p *identity.Properties, most int) (keys []Key, given bool) {
	list, given := p.Objects("encodedIssuerCertificates", most)
	for _, e := range list {
		kid, _ := e.Text("kid", maxKid)
		if kid == "" {
			e.Fail("kid", "want the kid of the tokens that it is for")
		}
		text, _ := e.Text("encodedCertificate", 64<<10)
		k, err := ParsePEM(text)
		if err != nil {
			e.Fail("encodedCertificate", err.Error())
			continue
		}
		if slices.ContainsFunc(keys, func(other Key) bool { return other.ID == kid }) {
			e.Fail("kid", "another certificate has it")
		}
		k.ID = kid
		keys = append(keys, k)
	}
	return keys, given
}

// readLocated reads issuerCertificates. There is no vault and no managed identity
// here; that of Azure is read and not used.
func readLocated(p *identity.Properties, most int, azure bool) (urls []string, given bool) {
	list, given := p.Objects("issuerCertificates", most)
	for _, e := range list {
		address, _ := e.Text("certificateUrl", maxText)
		if reason := checkLocation(address); reason != "" {
			e.Fail("certificateUrl", reason)
			continue
		}
		id, named := e.Object("identity")
		if _, typed := id.Enum("type", "SystemAssigned", "UserAssigned"); azure && (!named || !typed) {
			id.Fail("type", "want SystemAssigned or UserAssigned")
		}
		urls = append(urls, address)
	}
	return urls, given
}

// checkLocation wants file:///path or https.
func checkLocation(address string) (reason string) {
	if u, err := url.Parse(address); err == nil && u.Scheme == "file" {
		if u.Host != "" && u.Host != "localhost" || !strings.HasPrefix(u.Path, "/") {
			return "want file:///path"
		}
		return ""
	}
	if reason := outbound.CheckURL(address, false); reason != "" {
		return reason + ", or file:///path"
	}
	return ""
}

// readIssuers reads the issuers of an extension.
func readIssuers(p *identity.Properties) []IssuerSettings {
	var all []IssuerSettings
	list, _ := p.Objects("issuers", maxIssuers)
	for _, e := range list {
		all = append(all, readIssuer(e))
	}
	return all
}

func readIssuer(p *identity.Properties) IssuerSettings {
	var is IssuerSettings
	is.Name, _ = p.Text("issuer", maxText)
	if is.Name == "" {
		p.Fail("issuer", "want the iss claim of the tokens")
	}
	is.JWKS, _ = p.Text("jwksUrl", maxText)
	is.Discovery, _ = p.Boolean("discovery")
	is.Keys, _ = readKeys(p, maxUploaded)
	is.NotBeforeOptional, _ = p.Boolean("notBeforeOptional")
	is.Audiences, _ = texts(p, "audiences", maxAudiences)
	is.CAFile, _ = p.Text("caFile", maxText)
	is.Pins = readPins(p)
	is.Algorithms = readAlgorithms(p)
	if is.JWKS != "" {
		if reason := outbound.CheckURL(is.JWKS, false); reason != "" {
			p.Fail("jwksUrl", reason)
		}
	}
	if is.Discovery {
		if reason := outbound.CheckURL(is.Name, false); reason != "" {
			p.Fail("discovery", "the issuer's name is not where a document can be: "+reason)
		}
	}
	if ways := count(is.JWKS != "", is.Discovery, len(is.Keys) > 0); ways != 1 && p.Err() == nil {
		p.Fail("jwksUrl", "want exactly one of jwksUrl, discovery and encodedIssuerCertificates")
	}
	return is
}

func readAlgorithms(p *identity.Properties) []Algorithm {
	names, given := texts(p, "algorithms", len(Algorithms))
	if given && len(names) == 0 {
		p.Fail("algorithms", "want one at least")
	}
	var all []Algorithm
	for _, n := range names {
		if !slices.Contains(Algorithms, Algorithm(n)) {
			p.Fail("algorithms", fmt.Sprintf("%.20q is not one of %v", n, Algorithms))
		}
		all = append(all, Algorithm(n))
	}
	return all
}

func readPins(p *identity.Properties) []string {
	pins, _ := texts(p, "publicKeyPins", 16)
	for _, one := range pins {
		if _, err := outbound.ParsePin(one); err != nil {
			p.Fail("publicKeyPins", err.Error())
		}
	}
	return pins
}

// texts reads strings that are not empty and not endless.
func texts(p *identity.Properties, name string, most int) ([]string, bool) {
	list, given := p.Texts(name, most)
	for _, s := range list {
		if s == "" || len(s) > maxText {
			p.Fail(name, fmt.Sprintf("want 1 to %d characters each", maxText))
		}
	}
	return list, given
}

func count(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}
