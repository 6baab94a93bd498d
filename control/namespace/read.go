package namespace

import (
	"encoding/json"
	"fmt"
	"strings"

	"gridmq/identity"
)

// Rules are what reading needs to know besides the document. The zero value works.
type Rules struct {
	// Location is where a namespace is that does not say it. Default "local".
	Location string
	// Profile is that of a namespace that does not say it. Default Standard.
	Profile string
	// Domain is the one under which namespaces have their built-in names;
	// custom domains may not lie in it. Default: none.
	Domain string
	// Limits says what is wrong with properties.gridmq.limits for a profile.
	// Default: any object of numbers, texts and truth values is taken.
	Limits func(profile string, limits json.RawMessage) error
	// Routing says what is wrong with what is said about routing, as joined
	// *identity.FieldError with paths from the top of the resource, and returns the
	// resource ids of the topics that gridmq.routes names. Default: enrichments are
	// taken, routes are not.
	Routing func(Routing) (topics []string, err error)
}

const (
	maxTags     = 50
	maxTagName  = 512
	maxTagValue = 256
	maxText     = 2048 // of a URL, an id, a location
)

// Read reads the whole resource as a request brings it. Members that only the
// server sets are ignored. The error is a joined *identity.FieldError.
func Read(name string, body []byte, rules Rules) (*Namespace, error) {
	return read(name, body, rules, false)
}

// Load reads what EncodeStored wrote.
func Load(name string, body []byte, rules Rules) (*Namespace, error) {
	return read(name, body, rules, true)
}

// A reader reads one document.
type reader struct {
	*identity.Properties
	n      *Namespace
	rules  Rules
	stored bool
}

func read(name string, body []byte, rules Rules, stored bool) (*Namespace, error) {
	r := &reader{identity.ReadProperties(body), &Namespace{Name: name}, rules, stored}
	if !stored {
		r.Join(CheckName(name))
	}
	r.tracked()
	p, _ := r.Object("properties")
	r.gridmq(p) // the profile decides about numbers that follow
	r.network(p)
	r.topicSpaces(p)
	r.routing(p)
	if topics, given := p.Object("topicsConfiguration"); given {
		r.n.HTTPDomains = r.domains(topics, "customDomains")
	}
	r.distinctDomains()
	if stored {
		keys, _ := r.Object("keys")
		r.n.Keys[0], _ = keys.Text("key1", maxText)
		r.n.Keys[1], _ = keys.Text("key2", maxText)
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return r.n, nil
}

// CheckName says whether name may be that of a new namespace: the rule of the management
// plane, and of whoever else names one. The error is an *identity.FieldError.
func CheckName(name string) error {
	if err := identity.CheckName(name); err != nil {
		return err
	}
	for _, reserved := range []string{"microsoft", "system", "eventgrid"} {
		if strings.HasPrefix(strings.ToLower(name), reserved) {
			return &identity.FieldError{Field: "name", Reason: fmt.Sprintf("cannot begin with %q", reserved)}
		}
	}
	return nil
}

// tracked reads what a resource of any type has at its top.
func (r *reader) tracked() {
	n := r.n
	n.Location, n.given.location = r.Text("location", maxText)
	n.given.location = n.given.location && n.Location != ""
	n.Tags = ReadTags(r.Properties)
	sku, _ := r.Object("sku")
	sku.Enum("name", "Standard")
	if capacity, given := sku.Integer("capacity", 1, 40); given {
		n.Capacity = int(capacity)
	} else {
		n.Capacity = 1
	}
	r.identity()
}

// ReadTags reads the member tags of p, with the limits of Resource Manager.
func ReadTags(p *identity.Properties) (read map[string]string) {
	raw, given := p.Raw("tags")
	if !given {
		return nil
	}
	var tags map[string]*string
	if json.Unmarshal(raw, &tags) != nil {
		p.Fail("tags", "want a JSON object of strings")
		return nil
	}
	if len(tags) > maxTags {
		p.Fail("tags", fmt.Sprintf("has %d entries, want %d at most", len(tags), maxTags))
		return nil
	}
	seen := map[string]bool{}
	for name, value := range tags {
		switch low := strings.ToLower(name); {
		case name == "" || runes(name) > maxTagName:
			p.Fail("tags", fmt.Sprintf("want names of 1 to %d characters", maxTagName))
		case value == nil: // not given
		case runes(*value) > maxTagValue:
			p.Fail("tags", fmt.Sprintf("want values of %d characters at most", maxTagValue))
		case seen[low]:
			p.Fail("tags", fmt.Sprintf("%q is given twice", low))
		default:
			seen[low] = true
			if read == nil {
				read = map[string]string{}
			}
			read[name] = *value
		}
	}
	return read
}

func runes(s string) int { return len([]rune(s)) }

func (r *reader) network(p *identity.Properties) {
	n := r.n
	raw, _ := r.Raw("properties")
	var err error
	n.Network, err = identity.DecodeNetwork(raw)
	r.below(err)
	n.ZoneRedundant, n.given.zone = p.Boolean("isZoneRedundant")
	n.IPv6, _ = p.Boolean("ipV6Enabled")
	if version, _ := p.Enum("minimumTlsVersionAllowed", "1.2", "1.0", "1.1"); version != 0 {
		p.Fail("minimumTlsVersionAllowed", "want 1.2: older versions of TLS are not supported")
	}
}

// below adds faults of a room whose paths begin below properties.
func (r *reader) below(err error) {
	for _, f := range identity.FieldErrors(err) {
		r.Fail(strings.TrimSuffix("properties."+f.Field, "."), f.Reason)
	}
}

// each reads a list of objects, most at most.
func each(p *identity.Properties, name string, most int, visit func(*identity.Properties)) {
	list, _ := p.Objects(name, most)
	for _, entry := range list {
		visit(entry)
	}
}

// required reads a text that must be there and not empty.
func required(p *identity.Properties, name string) string {
	s, given := p.Text(name, maxText)
	if _, wrong := p.Raw(name); s == "" && (given || !wrong) {
		p.Fail(name, "is required")
	}
	return s
}
