package subscription

import (
	"strings"

	"gridmq/delivery"
	"gridmq/identity"
)

const (
	maxHeaderName  = 128
	maxSourceField = 512
)

// reservedHeaders are those that HTTP or we set ourselves, in lower case.
var reservedHeaders = map[string]bool{
	"content-type": true, "content-length": true, "content-encoding": true, "transfer-encoding": true, "host": true, "connection": true,
	"keep-alive": true, "te": true, "trailer": true, "upgrade": true, "expect": true, "date": true,
	"webhook-request-origin": true,
}

// headers reads deliveryAttributeMappings.
func headers(p *identity.Properties, forward bool) (list []delivery.Header) {
	all, _ := p.Objects("deliveryAttributeMappings", delivery.MaxHeaders)
	seen := map[string]bool{}
	for _, one := range all {
		h := delivery.Header{Name: required(one, "name")}
		low := strings.ToLower(h.Name)
		switch reason := checkHeader(h.Name, forward); {
		case h.Name == "":
		case reason != "":
			one.Fail("name", reason)
		case seen[low]:
			one.Fail("name", "is given twice")
		}
		seen[low] = true
		at, given := one.Enum("type", "Static", "Dynamic")
		inside, _ := one.Object("properties")
		_, wrong := one.Raw("type")
		switch {
		case !given && !wrong:
			one.Fail("type", "is required: Static or Dynamic")
		case !given:
		case at == 0:
			static(inside, &h)
		default:
			h.SourceField = sourceField(inside)
		}
		list = append(list, h)
	}
	return list
}

func static(p *identity.Properties, h *delivery.Header) {
	h.Secret, _ = p.Boolean("isSecret")
	var given bool
	h.Value, given = p.Text("value", delivery.MaxHeaderValue)
	_, there := p.Raw("value")
	switch {
	case there && !given:
	case h.Value == "" && h.Secret:
		p.Fail("value", "is required: a secret is kept only while the endpoint stays where it is")
	case h.Value == "":
		p.Fail("value", "is required")
	case len(h.Value) > delivery.MaxHeaderValue:
		p.Fail("value", "want 4096 bytes at most")
	case strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) || strings.TrimSpace(h.Value) != h.Value:
		p.Fail("value", "want text that can be the value of a header: without line ends, and without space around it")
	}
}

func sourceField(p *identity.Properties) string {
	field := required(p, "sourceField")
	if field == "" {
		return ""
	}
	for step := range strings.SplitSeq(field, ".") {
		if step == "" || len(field) > maxSourceField {
			p.Fail("sourceField", "want an attribute of the event, or a path into its data such as data.customer.id")
			break
		}
	}
	return field
}

// checkHeader says what is wrong with the name of a custom header.
func checkHeader(name string, forward bool) (reason string) {
	low := strings.ToLower(name)
	switch {
	case !isPlain(name, "!#$%&'*+-.^_`|~", 1, maxHeaderName):
		return "want the name of a header, 1 to 128 letters, digits and hyphens"
	case forward && accessHeaders[low]:
	case strings.HasPrefix(low, "aeg-"):
		return `cannot begin with "aeg-"`
	case reservedHeaders[low] || strings.HasPrefix(low, "proxy-"):
		return "is set by the delivery itself"
	}
	return ""
}
