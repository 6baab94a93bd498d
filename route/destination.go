package route

import "strings"

// A Destination is where events go: one of the two. It can be compared.
type Destination struct {
	// Topic is the name of a topic of the same namespace.
	Topic string
	// Custom is the resource id of a topic elsewhere, which a configuration of the
	// server maps to an address (section 1).
	Custom string
}

// fold is d in a form in which spelling does not matter, as it does not in Azure.
func (d Destination) fold() Destination {
	return Destination{strings.ToLower(d.Topic), strings.ToLower(d.Custom)}
}

// ResourceID is the id by which a resource may refer to d, where namespace is the
// resource id of the namespace.
func (d Destination) ResourceID(namespace string) string {
	if d.Custom != "" {
		return d.Custom
	}
	return namespace + "/topics/" + d.Topic
}

const badDestination = "must be the resource id of a topic of this namespace (.../providers/Microsoft.EventGrid/namespaces/{namespace}/topics/{topic}) or of a custom topic (.../providers/Microsoft.EventGrid/topics/{topic})"

// readDestination reads a resource id, or where name is set the plain name of a topic.
// wrong says what is wrong; "" if nothing is.
func readDestination(s, namespace string, name bool) (d Destination, wrong string) {
	if name && s != "" && !strings.Contains(s, "/") {
		if !plainName(s) {
			return d, "must have letters, digits and hyphens only, or be a resource id"
		}
		return Destination{Topic: s}, ""
	}
	parts := strings.Split(strings.TrimPrefix(s, "/"), "/")
	for _, p := range parts {
		if p == "" {
			return d, badDestination
		}
	}
	n := len(parts)
	switch {
	case !strings.HasPrefix(s, "/") || n < 4 || !strings.EqualFold(parts[n-2], "topics") || !plainName(parts[n-1]):
	case strings.EqualFold(parts[n-3], "Microsoft.EventGrid") && strings.EqualFold(parts[n-4], "providers"):
		return Destination{Custom: s}, ""
	case n >= 6 && strings.EqualFold(parts[n-4], "namespaces") && strings.EqualFold(parts[n-5], "Microsoft.EventGrid") && strings.EqualFold(parts[n-6], "providers"):
		if namespace != "" && !strings.EqualFold(parts[n-3], namespace) {
			return d, "belongs to another namespace: route to a topic of this one, or to a custom topic"
		}
		return Destination{Topic: parts[n-1]}, ""
	}
	return d, badDestination
}

func plainName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 50
}
