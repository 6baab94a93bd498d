package route

import "strings"

// A variable is what the value of a dynamic enrichment stands for (section 4).
type variable struct {
	source source
	name   string // of the attribute or user property
}

// source is where a value comes from. The numbers lie on disk, in records.
type source byte

const (
	textValue       source = 0 // static, or captured from the client
	integerValue    source = 1 // captured
	booleanValue    source = 2 // captured
	userProperty    source = 3 // these are read from the message
	topicName       source = 4
	responseTopic   source = 5
	correlationData source = 6
	payloadFormat   source = 7

	authenticationName source = 0xF0 // these two never reach a record
	clientAttribute    source = 0xF1
)

var plainVariables = map[string]source{
	"client.authenticationName":    authenticationName,
	"mqtt.message.topicName":       topicName,
	"mqtt.message.responseTopic":   responseTopic,
	"mqtt.message.correlationData": correlationData,
	"mqtt.message.pfi":             payloadFormat,
}

const (
	attributesPrefix = "client.attributes."
	userPrefix       = "mqtt.message.userProperties"
)

const badVariable = "must be exactly one of ${client.authenticationName}, ${client.attributes.x}, ${mqtt.message.userProperties.x}, ${mqtt.message.userProperties['x']}, ${mqtt.message.topicName}, ${mqtt.message.responseTopic}, ${mqtt.message.correlationData} and ${mqtt.message.pfi}; for a fixed text use a static enrichment"

// parseVariable reads the value of a dynamic enrichment. wrong says what is wrong with
// it; "" if nothing is.
func parseVariable(s string) (v variable, wrong string) {
	inner, ok := strings.CutPrefix(s, "${")
	if !ok || !strings.HasSuffix(inner, "}") {
		return v, badVariable
	}
	inner = inner[:len(inner)-1]
	if from, known := plainVariables[inner]; known {
		return variable{source: from}, ""
	}
	if key, ok := strings.CutPrefix(inner, attributesPrefix); ok {
		if !word(key, "_") {
			return v, "must name an attribute with letters, digits and underscores, as ${client.attributes.hall}"
		}
		return variable{clientAttribute, key}, ""
	}
	rest, ok := strings.CutPrefix(inner, userPrefix)
	if name, dotted := strings.CutPrefix(rest, "."); ok && dotted {
		if !word(name, "_-") {
			return v, "must put a name with other characters than letters, digits, hyphens and underscores into brackets, as ${mqtt.message.userProperties['work.shift']}"
		}
		return variable{userProperty, name}, ""
	}
	if quoted, bracket := strings.CutPrefix(rest, "['"); ok && bracket {
		return parseQuoted(quoted)
	}
	return v, badVariable
}

// parseQuoted reads a name in apostrophes, behind the first of them.
func parseQuoted(s string) (v variable, wrong string) {
	const bad = "must escape apostrophes and backslashes of the name with a backslash, and nothing else, and end with ']}"
	var name strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\'':
			if s[i+1:] != "]" {
				return v, bad
			}
			return variable{userProperty, name.String()}, ""
		case '\\':
			if i++; i == len(s) || s[i] != '\'' && s[i] != '\\' {
				return v, bad
			}
			name.WriteByte(s[i])
		default:
			name.WriteByte(c)
		}
	}
	return v, bad
}

// word says whether s has letters, digits and characters of also only, at least one.
func word(s, also string) bool {
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte(also, c) < 0 {
			return false
		}
	}
	return s != ""
}
