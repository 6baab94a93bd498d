package event

import "fmt"

// MaxName is the longest name of an extension, in characters (section 5.1).
const MaxName = 20

// checkName refuses what cannot be the name of an attribute.
func checkName(name string) error {
	if eventGridNames[name] {
		return invalid(name, "belongs to the Event Grid schema: send CloudEvents 1.0, with `type`, `source`, `time` and `specversion`")
	}
	if len(name) == 0 || !lowerOrDigit(name) {
		return invalid(name, "is not an attribute name: use lower-case letters a-z and digits only")
	}
	if len(name) > MaxName {
		return invalid(name, fmt.Sprintf("is too long: the name of an extension has at most %d characters", MaxName))
	}
	return nil
}

// ValidExtensionName says whether name can be the name of an extension: lower-case
// letters and digits, at most MaxName, and none that CloudEvents has taken.
func ValidExtensionName(name string) bool {
	return checkName(name) == nil && !Reserved(name)
}

// Reserved says whether CloudEvents itself has a member of that name.
func Reserved(name string) bool {
	switch name {
	case "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64":
		return true
	}
	return false
}

// eventGridNames are what people send by mistake, from the basic tier's schema.
var eventGridNames = map[string]bool{"eventType": true, "eventTime": true, "dataVersion": true, "metadataVersion": true}

func lowerOrDigit(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
