// Package namespace is the resource Microsoft.EventGrid/namespaces: what a tenant
// is configured to be, read from JSON with every rule checked, and written back.
//
// What Resource Manager has no place for is in properties.gridmq: profile, limits,
// host names, token issuers, passwords, rates.
//
// Units: as the members say; sessions expire after hours. Errors: joined
// *identity.FieldError, whose Field is the path in the resource, from its top.
// Source: spec/control-plane.md, sections 4.1 to 4.4; design.md, section 6.
package namespace

import (
	"encoding/json"
	"log/slog"
	"strings"

	"gridmq/delivery/sharedkey"
	"gridmq/identity"
	"gridmq/identity/jwtauth"
	"gridmq/identity/webhookauth"
)

// Profiles.
const (
	Standard = "standard" // MQTT in full, the default
	Azure    = "azure"    // the documented numbers and refusals
)

// A Namespace is not changed once it is stored.
type Namespace struct {
	Name     string
	Location string
	Tags     map[string]string
	Capacity int // throughput units
	Identity Identity

	Network       identity.Network
	ZoneRedundant bool
	IPv6          bool

	// MQTTEnabled is topicSpacesConfiguration.state.
	MQTTEnabled bool
	// SessionExpiryHours and SessionsPerName are 0 where the profile decides.
	SessionExpiryHours int
	SessionsPerName    int
	// RouteTopic is the resource id of the topic that messages are routed to.
	RouteTopic string
	// Topics are the resource ids of all topics that are routed to, RouteTopic first.
	// What is to be done is in Routing.
	Topics          []string
	Routing         Routing
	RoutingIdentity *IdentityUse
	Static          []Enrichment
	Dynamic         []Enrichment

	HTTPDomains, MQTTDomains []Domain

	// NameSources are where authentication names come from besides the user name,
	// in this order.
	NameSources []string
	// JWT is customJwtAuthentication as given. What is to be done, also with
	// GridMQ.CustomJWT, is in Tokens; what stands in for the cloud's directory in
	// Directory. Without issuers a method is not configured.
	JWT       *JWT
	Tokens    jwtauth.CustomSettings
	Directory jwtauth.DirectorySettings
	// Webhook is webhookAuthentication as given; what is to be done, also with
	// GridMQ.Webhook, is in Hook.
	Webhook *Webhook
	Hook    webhookauth.Settings

	GridMQ GridMQ

	// Keys are the two access keys.
	Keys sharedkey.Keys

	given given
}

// given says what a document mentioned, of what is kept when it is left out.
type given struct{ location, zone bool }

// An Enrichment is an attribute that routed events get.
type Enrichment struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// JWT is customJwtAuthentication: tokens of one issuer, checked with certificates.
type JWT struct {
	TokenIssuer string
	// ByURL are certificates to be fetched, Encoded those that were given.
	ByURL   []IssuerCertificate
	Encoded []EncodedCertificate
}

// An IssuerCertificate is fetched from a file: or https: URL.
type IssuerCertificate struct {
	URL      string
	Identity IdentityUse
}

// An EncodedCertificate is a certificate or public key in PEM form.
type EncodedCertificate struct {
	KeyID string `json:"kid"`
	PEM   string `json:"encodedCertificate"`
}

// Webhook is webhookAuthentication: somebody else decides about a CONNECT.
type Webhook struct {
	Identity *IdentityUse
	Endpoint string
	BaseURL  string // Endpoint without its query
	// Application and Tenant are those of the token that Azure would present.
	Application, Tenant string
}

// HasHost says whether a host name leads to n: one of its custom domains that
// are approved, or of GridMQ.Hosts. The built-in names are the caller's matter.
func (n *Namespace) HasHost(host string) bool {
	host = strings.TrimSuffix(host, ".")
	for _, h := range n.GridMQ.Hosts {
		if strings.EqualFold(h, host) {
			return true
		}
	}
	for _, list := range [][]Domain{n.MQTTDomains, n.HTTPDomains} {
		for _, d := range list {
			if d.State == Approved && strings.EqualFold(d.Name, host) {
				return true
			}
		}
	}
	return false
}

// Profile is the one in force.
func (n *Namespace) Profile() string { return n.GridMQ.Profile }

// GridMQ is properties.gridmq: what only we have.
type GridMQ struct {
	Profile string
	// Limits replace single numbers of the profile: an object of names and values
	// that whoever enforces them has checked (Rules.Limits).
	Limits json.RawMessage
	// Hosts are host names that lead here, without proof of ownership.
	Hosts []string
	// CustomJWT, Directory and Webhook are customJwtAuthentication,
	// directoryAuthentication and webhookAuthentication: JSON that jwtauth and
	// webhookauth read. The last may hold a secret.
	CustomJWT, Directory, Webhook json.RawMessage
	// Routes is what Routing has of it.
	Routes json.RawMessage
	// Lifecycle is lifecycleEvents; nil: nobody is told.
	Lifecycle *Lifecycle
	// RegistryFirst asks the webhook only about clients that the registry does not know.
	RegistryFirst bool
	Passwords     bool
	Enrolment     *Enrolment
	// Rates are per second, by name of rateNames; what is missing has no limit.
	Rates map[string]int64
}

// LogValue keeps secrets out of logs.
func (g GridMQ) LogValue() slog.Value { return slog.StringValue("[profile " + g.Profile + "]") }

// An Enrolment enters clients of trusted CAs into the registry on their first connect.
type Enrolment struct {
	CAs []string // names of CA certificates; empty: all
}
