package jwtauth

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gridmq/identity"
	"gridmq/identity/strictjson"
	"gridmq/internal/outbound"
)

// Bounds of settings.
const (
	maxIssuers   = 16
	maxUploaded  = 16 // certificates of an issuer, beyond Azure
	azureUploads = 2  // spec/identity.md, section 6.2
	maxAudiences = 32
	maxText      = 2048
)

// IssuerSettings are an issuer as a resource describes it. Making them opens nothing.
type IssuerSettings struct {
	Name string
	// Keys that were uploaded, and where others are: certificates at file: or https:
	// URLs, a JWK set, or what the issuer's discovery document says.
	Keys         []Key
	Certificates []string
	JWKS         string
	Discovery    bool

	Algorithms        []Algorithm
	Audiences         []string
	NotBeforeOptional bool
	// CAFile and Pins say whom to trust for the keys, as in [outbound.Options].
	CAFile string
	Pins   []string
}

// Open starts nothing, but reads CAFile.
func (s IssuerSettings) Open() (Issuer, error) {
	web := outbound.Options{CAFile: s.CAFile, Pins: s.Pins}
	is := Issuer{Name: s.Name, Algorithms: s.Algorithms, Audiences: s.Audiences, NotBeforeOptional: s.NotBeforeOptional}
	var all Together
	add := func(k KeySource, err error) error {
		if err == nil {
			all = append(all, k)
		}
		return err
	}
	var errs []error
	if len(s.Keys) > 0 {
		all = append(all, FixedKeys(s.Keys))
	}
	for _, u := range s.Certificates {
		errs = append(errs, add(CertificateAt(u, web, Remote{})))
	}
	if s.JWKS != "" {
		errs = append(errs, add(KeysAt(s.JWKS, web, Remote{})))
	}
	if s.Discovery {
		errs = append(errs, add(Discover(s.Name, web, Remote{})))
	}
	if err := errors.Join(errs...); err != nil {
		all.Close()
		return Issuer{}, fmt.Errorf("issuer %q: %w", s.Name, err)
	}
	is.Keys = all
	return is, nil
}

// openAll opens issuers; with an error, all are closed, also those of others.
func openAll(settings []IssuerSettings, others []Issuer) ([]Issuer, error) {
	all := slices.Clone(others)
	for _, s := range settings {
		is, err := s.Open()
		if err != nil {
			closeAll(all)
			return nil, err
		}
		all = append(all, is)
	}
	return all, nil
}

// CustomSettings are customJwtAuthentication as resources describe it.
type CustomSettings struct {
	Issuers         []IssuerSettings
	Skew            time.Duration
	StrictType      bool
	TokenAsPassword bool
}

// Open makes an authenticator, with the issuers of others besides, which it owns.
func (s CustomSettings) Open(others ...Issuer) (*Custom, error) {
	all, err := openAll(s.Issuers, others)
	if err != nil {
		return nil, err
	}
	return NewCustom(CustomConfig{all, s.Skew, s.StrictType, s.TokenAsPassword})
}

// DirectorySettings are who stands in for the cloud directory.
type DirectorySettings struct {
	Issuers         []IssuerSettings
	Audiences       []string
	ObjectClaim     string
	GroupClaims     []string
	Skew            time.Duration
	StrictType      bool
	TokenAsPassword bool
}

// Open makes an authenticator, with the issuers of others besides, which it owns.
func (s DirectorySettings) Open(others ...Issuer) (*Directory, error) {
	all, err := openAll(s.Issuers, others)
	if err != nil {
		return nil, err
	}
	return NewDirectory(DirectoryConfig{all, s.Audiences, s.ObjectClaim, s.GroupClaims, s.Skew, s.StrictType, s.TokenAsPassword})
}

// Where the settings are, below properties.
const (
	customPath    = "topicSpacesConfiguration.clientAuthentication.customJwtAuthentication"
	customExtra   = "gridmq.customJwtAuthentication"
	directoryPath = "gridmq.directoryAuthentication"
)

// DecodeCustom reads two JSON objects, each of which may be missing:
// customJwtAuthentication of the namespace in the shape of Resource Manager, and
// customJwtAuthentication of properties.gridmq, for what that has no place for. With
// azure, the first is as strict as Azure. No issuers means that the method is not
// configured. Errors: joined *identity.FieldError.
func DecodeCustom(doc, extension []byte, azure bool) (CustomSettings, error) {
	var s CustomSettings
	p, end := strictjson.Settings(customPath, doc)
	if is, given := readArm(p, azure); given {
		s.Issuers = append(s.Issuers, is)
	}
	errs := end()
	x, end := strictjson.Settings(customExtra, extension, extraNames...)
	s.Issuers = append(s.Issuers, readIssuers(x)...)
	s.Skew, s.StrictType, s.TokenAsPassword = readCommon(x)
	checkTwice(x, s.Issuers)
	return s, errors.Join(errs, end())
}

// DecodeDirectory reads directoryAuthentication of properties.gridmq, which may be
// missing; see [DecodeCustom].
func DecodeDirectory(extension []byte) (DirectorySettings, error) {
	var s DirectorySettings
	x, end := strictjson.Settings(directoryPath, extension,
		append([]string{"audiences", "objectIdClaim", "groupClaims"}, extraNames...)...)
	s.Issuers = readIssuers(x)
	s.Audiences, _ = texts(x, "audiences", maxAudiences)
	s.ObjectClaim, _ = x.Text("objectIdClaim", 128)
	s.GroupClaims, _ = texts(x, "groupClaims", 8)
	s.Skew, s.StrictType, s.TokenAsPassword = readCommon(x)
	checkTwice(x, s.Issuers)
	return s, end()
}

// extraNames are the members that the extensions have.
var extraNames = []string{
	"clockSkewInSeconds", "strictTokenType", "tokenAsPassword",
	"issuers", "issuers.issuer", "issuers.jwksUrl", "issuers.discovery", "issuers.algorithms", "issuers.audiences",
	"issuers.notBeforeOptional", "issuers.caFile", "issuers.publicKeyPins",
	"issuers.encodedIssuerCertificates", "issuers.encodedIssuerCertificates.kid", "issuers.encodedIssuerCertificates.encodedCertificate",
}

func readCommon(p *identity.Properties) (skew time.Duration, strict, asPassword bool) {
	n, given := p.Integer("clockSkewInSeconds", 0, int64(MaxSkew/time.Second))
	skew = time.Duration(n) * time.Second
	if given && n == 0 {
		skew = time.Nanosecond // none, where zero would be the default
	}
	strict, _ = p.Boolean("strictTokenType")
	asPassword, _ = p.Boolean("tokenAsPassword")
	return skew, strict, asPassword
}

func checkTwice(p *identity.Properties, all []IssuerSettings) {
	seen := map[string]bool{}
	for _, is := range all {
		if is.Name != "" && seen[is.Name] {
			p.Fail("issuers", fmt.Sprintf("issuer %.200q is there twice", is.Name))
		}
		seen[is.Name] = true
	}
}
