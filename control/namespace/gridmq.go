package namespace

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"gridmq/identity"
)

const (
	maxHosts  = 50
	maxLimits = 16 << 10 // bytes
)

var (
	profiles = []string{Standard, Azure}
	members  = []string{
		"profile", "limits", "hosts", "passwords", "registryFirst", "registerOnFirstConnect", "rateLimits", "lifecycleEvents", "routes",
		"customJwtAuthentication", "directoryAuthentication", "webhookAuthentication",
	}
	// rateNames are the members of properties.gridmq.rateLimits, per second; those
	// with Bytes are bytes, the others packets or messages.
	rateNames = []string{
		"connects", "subscribes", "subscribesPerSession",
		"publishes", "publishesPerSession", "publishBytes", "publishBytesPerSession",
		"deliveries", "deliveriesPerSession", "deliveryBytes", "deliveryBytesPerSession",
	}
)

// gridmq reads properties.gridmq, our extension.
func (r *reader) gridmq(properties *identity.Properties) {
	g := &r.n.GridMQ
	p, _ := properties.Object("gridmq")
	r.only(p, members...)
	g.Profile = cmp.Or(r.rules.Profile, Standard)
	if at, given := p.Enum("profile", profiles...); given {
		g.Profile = profiles[at]
	}
	r.limits(p)
	hosts, _ := p.Texts("hosts", maxHosts)
	for _, h := range hosts {
		h = strings.ToLower(strings.TrimSuffix(h, "."))
		if !isHost(h) && h != "localhost" || slices.Contains(g.Hosts, h) {
			p.Fail("hosts", "want different host names such as mqtt.plant.example")
			break
		}
		g.Hosts = append(g.Hosts, h)
	}
	pw, _ := p.Object("passwords")
	r.only(pw, "enabled")
	g.Passwords, _ = pw.Boolean("enabled")
	g.RegistryFirst, _ = p.Boolean("registryFirst")
	r.enrolment(p)
	r.lifecycle(p)
	rates, _ := p.Object("rateLimits")
	r.only(rates, rateNames...)
	for _, name := range rateNames {
		if v, given := rates.Integer(name, 1, 1<<40); given {
			if g.Rates == nil {
				g.Rates = map[string]int64{}
			}
			g.Rates[name] = v
		}
	}
}

// only refuses members of an object that is ours alone. What was stored is read by a
// version that may know less.
func (r *reader) only(p *identity.Properties, names ...string) {
	if !r.stored {
		p.Only(names...)
	}
}

// limits keeps the object; who enforces it says what is wrong.
func (r *reader) limits(p *identity.Properties) {
	raw, given := p.Raw("limits")
	if !given {
		return
	}
	if _, err := object(raw); err != nil || len(raw) > maxLimits {
		p.Fail("limits", "want a JSON object of names and values")
		return
	}
	if check := r.rules.Limits; check != nil && !r.stored {
		if err := check(r.n.GridMQ.Profile, raw); err != nil {
			p.Fail("limits", err.Error())
			return
		}
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) == nil && compact.Len() > len("{}") {
		r.n.GridMQ.Limits = compact.Bytes()
	}
}

func (r *reader) enrolment(p *identity.Properties) {
	first, given := p.Object("registerOnFirstConnect")
	r.only(first, "enabled", "caCertificates")
	enabled, said := first.Boolean("enabled")
	cas, _ := first.Texts("caCertificates", maxHosts)
	if given && (enabled || !said) {
		r.n.GridMQ.Enrolment = &Enrolment{cas}
	}
}

// object reads one JSON object and leaves its members as they are.
func object(raw []byte) (o map[string]json.RawMessage, err error) {
	err = json.Unmarshal(raw, &o)
	return o, err
}

func (g *GridMQ) json(stored bool) map[string]any {
	m := map[string]any{"profile": g.Profile}
	put := func(name string, v any, there bool) {
		if there {
			m[name] = v
		}
	}
	put("limits", g.Limits, g.Limits != nil)
	put("hosts", g.Hosts, g.Hosts != nil)
	put("customJwtAuthentication", g.CustomJWT, g.CustomJWT != nil)
	put("directoryAuthentication", g.Directory, g.Directory != nil)
	put("routes", g.Routes, g.Routes != nil)
	put("registryFirst", true, g.RegistryFirst)
	put("passwords", map[string]any{"enabled": true}, g.Passwords)
	put("rateLimits", g.Rates, g.Rates != nil)
	if g.Lifecycle != nil {
		m["lifecycleEvents"] = g.Lifecycle.json()
	}
	if g.Enrolment != nil {
		e := map[string]any{"enabled": true}
		if g.Enrolment.CAs != nil {
			e["caCertificates"] = g.Enrolment.CAs
		}
		m["registerOnFirstConnect"] = e
	}
	switch {
	case g.Webhook == nil:
	case stored:
		m["webhookAuthentication"] = g.Webhook
	default:
		m["webhookAuthentication"] = withoutSecret(g.Webhook)
	}
	return m
}
