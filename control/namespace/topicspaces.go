package namespace

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gridmq/identity"
	"gridmq/identity/webhookauth"
)

const (
	maxEnrichments     = 20
	maxEnrichmentKey   = 20
	maxEnrichmentValue = 128
)

// reserved are the attributes that a CloudEvent has anyway.
var reserved = []string{"id", "source", "type", "specversion", "subject", "time", "data", "data_base64", "datacontenttype", "dataschema"}

// mqttStates in the order false, true.
var mqttStates = []string{"Disabled", "Enabled"}

// topicSpaces reads properties.topicSpacesConfiguration: section 4.3.
func (r *reader) topicSpaces(properties *identity.Properties) {
	n := r.n
	p, _ := properties.Object("topicSpacesConfiguration")
	state, _ := p.Enum("state", mqttStates...)
	n.MQTTEnabled = state == 1
	hours, names := int64(8), int64(100)
	if n.GridMQ.Profile != Azure {
		hours, names = 24*365, 1_000_000
	}
	n.SessionExpiryHours = integer(p, "maximumSessionExpiryInHours", hours)
	n.SessionsPerName = integer(p, "maximumClientSessionsPerAuthenticationName", names)
	n.RouteTopic, _ = p.Text("routeTopicResourceId", maxText)
	if use, given := p.Object("routingIdentityInfo"); given {
		read := r.use(use, "None", "SystemAssigned", "UserAssigned")
		n.RoutingIdentity = &read
	}
	r.enrichments(p)
	n.MQTTDomains = r.domains(p, "customDomains")
	r.clientAuthentication(properties, p)
}

func integer(p *identity.Properties, name string, high int64) int {
	v, _ := p.Integer(name, 1, high)
	return int(v)
}

func (r *reader) enrichments(p *identity.Properties) {
	all, _ := p.Object("routingEnrichments")
	seen := map[string]bool{}
	read := func(entry *identity.Properties) Enrichment {
		e := Enrichment{Key: required(entry, "key"), Value: required(entry, "value")}
		if reason := checkEnrichment(e.Key); e.Key != "" && reason != "" {
			entry.Fail("key", reason)
		} else if seen[e.Key] {
			entry.Fail("key", fmt.Sprintf("%q is given twice", e.Key))
		}
		if runes(e.Value) > maxEnrichmentValue {
			entry.Fail("value", fmt.Sprintf("want %d characters at most", maxEnrichmentValue))
		}
		seen[e.Key] = true
		return e
	}
	each(all, "static", maxEnrichments, func(entry *identity.Properties) {
		if _, given := entry.Enum("valueType", "String"); !given {
			if _, wrong := entry.Raw("valueType"); !wrong {
				entry.Fail("valueType", "is required: String")
			}
		}
		r.n.Static = append(r.n.Static, read(entry))
	})
	each(all, "dynamic", maxEnrichments, func(entry *identity.Properties) {
		r.n.Dynamic = append(r.n.Dynamic, read(entry))
	})
	if count := len(r.n.Static) + len(r.n.Dynamic); count > maxEnrichments {
		p.Fail("routingEnrichments", fmt.Sprintf("has %d, want %d at most", count, maxEnrichments))
	}
}

func checkEnrichment(key string) (reason string) {
	plain := strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789") == "" // the same for all: Trim stops at another
	switch {
	case slices.Contains(reserved, key):
		return "is an attribute of every CloudEvent"
	case !plain || len(key) > maxEnrichmentKey:
		return fmt.Sprintf("want 1 to %d lower-case letters and digits", maxEnrichmentKey)
	case strings.HasPrefix(key, "azsp"):
		return `cannot begin with "azsp"`
	}
	return ""
}

var nameSources = []string{"ClientCertificateSubject", "ClientCertificateDns", "ClientCertificateUri", "ClientCertificateIp", "ClientCertificateEmail"}

func (r *reader) clientAuthentication(properties, p *identity.Properties) {
	auth, _ := p.Object("clientAuthentication")
	sources, _ := auth.Texts("alternativeAuthenticationNameSources", len(nameSources))
	for _, s := range sources {
		at := slices.IndexFunc(nameSources, func(known string) bool { return strings.EqualFold(known, s) })
		switch {
		case at < 0:
			auth.Fail("alternativeAuthenticationNameSources", "want "+strings.Join(nameSources, ", "))
		case slices.Contains(r.n.NameSources, nameSources[at]):
			auth.Fail("alternativeAuthenticationNameSources", nameSources[at]+" is given twice")
		default:
			r.n.NameSources = append(r.n.NameSources, nameSources[at])
		}
	}
	r.tokens(properties, auth)
	r.webhook(properties, auth)
}

// webhook reads what is written back; webhookauth says what is wrong with it, and
// here is added only what that cannot know.
func (r *reader) webhook(properties, auth *identity.Properties) {
	n := r.n
	ours, _ := properties.Object("gridmq")
	n.GridMQ.Webhook = respelled(ours, "webhookAuthentication")
	doc, _ := auth.Raw("webhookAuthentication")
	var err error
	n.Hook, err = webhookauth.DecodeWebhook(doc, n.GridMQ.Webhook, n.GridMQ.Profile == Azure)
	r.below(err)
	p, given := auth.Object("webhookAuthentication")
	if !given {
		return
	}
	w := &Webhook{}
	w.Endpoint, _ = p.Text("endpointUrl", maxText)
	if u, err := url.Parse(w.Endpoint); err == nil {
		u.RawQuery, u.Fragment = "", ""
		w.BaseURL = u.String()
	}
	w.Application, _ = p.Text("azureActiveDirectoryApplicationIdOrUri", maxText)
	w.Tenant, _ = p.Text("azureActiveDirectoryTenantId", maxText)
	if id, given := p.Object("identity"); given {
		use := r.use(id, "SystemAssigned", "UserAssigned")
		w.Identity = &use
	}
	n.Webhook = w
}
