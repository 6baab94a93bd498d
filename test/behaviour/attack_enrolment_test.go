package behaviour

import (
	"testing"

	manage "gridmq/control/client"
	"gridmq/mqtt"
)

// TestAttackEnrolment: "register on first connect" makes clients of those whom the
// right CA names, and of nobody else.
func TestAttackEnrolment(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	other := s.newCA(authorityNamed("other"))
	for _, ns := range []string{"named", "any"} {
		cas := ""
		if ns == "named" {
			cas = `,"caCertificates":["ca1"]`
		}
		s.open(ns, "", `"registerOnFirstConnect":{"enabled":true`+cas+`}`)
		s.trust(ns, "ca1", s.ca)
		s.trust(ns, "ca2", other)
		s.put(ns, "clients", "admin", `{"clientCertificateAuthentication":{"validationScheme":"DnsMatchesAuthenticationName"}}`)
		s.put(ns, "clients", "gone", `{"state":"Disabled"}`)
		admin, ghost := "admin", "ghost"
		if r := s.enter(caller{ns: ns, id: "new", cert: s.badge("new-1")}); !r.publishes("devices/new-1/x") || r.publishes("devices/admin/x") {
			t.Errorf("%s: a new client does not have its rights, or others", ns)
		}
		if ns == "any" {
			s.enter(caller{ns: ns, id: "other CA", cert: s.forge(other, named("new-2"))})
		} else {
			s.refuse(caller{ns: ns, id: "other CA", cert: s.forge(other, named("new-2"))}, mqtt.NotAuthorized, "may not introduce clients")
		}
		s.refuse(caller{ns: ns, id: "no CA", cert: s.forge(s.newCA(authorityNamed("third")), named("new-3"))}, mqtt.NotAuthorized, "not signed by a CA certificate")
		s.refuse(caller{ns: ns, id: "taken name", cert: s.badge("admin")}, mqtt.NotAuthorized, "where DnsMatchesAuthenticationName wants it")
		s.refuse(caller{ns: ns, id: "taken name, other case", cert: s.badge("ADMIN")}, mqtt.NotAuthorized, "where DnsMatchesAuthenticationName wants it")
		s.refuse(caller{ns: ns, id: "disabled", cert: s.badge("gone")}, mqtt.NotAuthorized, "is disabled")
		s.refuse(caller{ns: ns, id: "other name", user: &ghost, cert: s.badge("new-4")}, mqtt.NotAuthorized, "does not have the name")
		s.refuse(caller{ns: ns, id: "admin's name", user: &admin, cert: s.badge("new-4")}, mqtt.NotAuthorized, "")
		s.refuse(caller{ns: ns, id: "no name", cert: s.badge("")}, mqtt.NotAuthorized, "")
		for _, name := range []string{"new-2", "new-3", "new-4", "ghost"} {
			if _, err := s.plane.Get(s.Context(), place.ID(ns, "clients", name)); (err == nil) != (ns == "any" && name == "new-2") {
				t.Errorf("%s: client %s: %v", ns, name, err)
			}
		}
		wild := s.enter(caller{ns: ns, id: "wild", cert: s.badge("#")})
		if wild.publishes("devices/x") || wild.subscribes("devices/#") {
			t.Errorf("%s: a client called # has rights", ns)
		}
		if _, err := s.plane.Delete(s.Context(), place.ID(ns, "clients", "new-1"), manage.Condition{}); err != nil {
			t.Error(err)
		}
	}
}
