package namespace

import (
	"crypto/rand"
	"fmt"
	"strings"

	"gridmq/identity"
)

// States of a custom domain.
const (
	Pending  = "Pending"
	Approved = "Approved"
	// NoAnswer: the DNS could not be asked.
	NoAnswer = "ErrorRetrievingDnsRecord"
)

const maxDomains = 20

// A Domain is a host name that somebody owns and points at the namespace.
type Domain struct {
	Name           string // in lower case
	Identity       *IdentityUse
	CertificateURL string
	// TXT is the text that proves ownership, in the record TXTName.
	TXT   string
	State string
}

// TXTName is where the proof of ownership is looked for.
func (d *Domain) TXTName() string { return "_eg." + d.Name }

// NewTXT is a text for a domain's TXT record.
func NewTXT() string { return rand.Text() }

func (r *reader) domains(p *identity.Properties, name string) (list []Domain) {
	seen := map[string]bool{}
	each(p, name, maxDomains, func(entry *identity.Properties) {
		d := Domain{State: Pending}
		text := required(entry, "fullyQualifiedDomainName")
		d.Name = strings.ToLower(strings.TrimSuffix(text, "."))
		switch {
		case text == "":
		case !isHost(d.Name):
			entry.Fail("fullyQualifiedDomainName", "want a host name such as mqtt.plant.example")
		case seen[d.Name]:
			entry.Fail("fullyQualifiedDomainName", "is given twice")
		case r.builtIn(d.Name):
			entry.Fail("fullyQualifiedDomainName", "belongs to the host names of the namespaces themselves")
		}
		seen[d.Name] = true
		if id, given := entry.Object("identity"); given {
			use := r.use(id, "SystemAssigned", "UserAssigned")
			d.Identity = &use
		}
		d.CertificateURL = certificateURL(entry)
		if r.stored {
			d.TXT, _ = entry.Text("expectedTxtRecordValue", maxText)
			d.State, _ = entry.Text("validationState", maxText)
		}
		list = append(list, d)
	})
	return list
}

// certificateURL reads the URL; the older form is translated.
func certificateURL(entry *identity.Properties) string {
	url, _ := entry.Text("certificateUrl", maxText)
	old, given := entry.Object("certificateInfo")
	if url != "" || !given {
		return url
	}
	vault, name := required(old, "keyVaultArmId"), required(old, "certificateName")
	return fmt.Sprintf("https://%s.vault.azure.net/certificates/%s", vault[strings.LastIndexByte(vault, '/')+1:], name)
}

func (r *reader) builtIn(host string) bool {
	own := strings.ToLower(r.rules.Domain)
	return own != "" && (host == own || strings.HasSuffix(host, "."+own))
}

// distinctDomains: MQTT and HTTP of one namespace need different names.
func (r *reader) distinctDomains() {
	for _, m := range r.n.MQTTDomains {
		for _, h := range r.n.HTTPDomains {
			if m.Name == h.Name && m.Name != "" {
				r.Fail("properties.topicsConfiguration.customDomains", m.Name+" is already that of topicSpacesConfiguration")
			}
		}
	}
}

// isHost says whether s is a host name of letters, digits and hyphens with at
// least two labels, in lower case.
func isHost(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}

// AllDomains visits the custom domains of both hosts; visit may change them.
func (n *Namespace) AllDomains(visit func(*Domain)) {
	for _, list := range [][]Domain{n.MQTTDomains, n.HTTPDomains} {
		for i := range list {
			visit(&list[i])
		}
	}
}
