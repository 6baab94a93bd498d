package filter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gridmq/event"
)

// maxKey is the longest key, in characters. Azure states no limit; a string value
// has the same.
const maxKey = 512

// A key is what a condition looks at: an attribute, or a place in data (8.2).
type key struct {
	attribute string   // in lower case; "" for data
	steps     []string // names of members, from the outside; none for data itself
}

// aliases are names of the Event Grid schema that the documentation lists.
var aliases = map[string]string{"eventid": "id", "eventtype": "type"}

func parseKey(text string) (key, error) {
	switch {
	case text == "":
		return key{}, errors.New("must name an attribute, such as subject, or a member of data, such as data.temperature")
	case utf8.RuneCountInString(text) > maxKey:
		return key{}, fmt.Errorf("has more than %d characters", maxKey)
	case !utf8.ValidString(text):
		return key{}, errors.New("must be valid UTF-8")
	}
	first, rest, dotted := strings.Cut(text, ".")
	if name := strings.ToLower(first); name == "data" {
		return dataKey(rest, dotted)
	} else if to, is := aliases[name]; is && !dotted {
		return key{attribute: to}, nil
	} else if !dotted && (event.ValidExtensionName(name) || event.Reserved(name) && name != "data_base64") {
		return key{attribute: name}, nil
	}
	return key{}, fmt.Errorf("must be an attribute (letters and digits, at most %d) or begin with data., as data.temperature does", event.MaxName)
}

func dataKey(rest string, dotted bool) (key, error) {
	if !dotted {
		return key{}, nil
	}
	steps := strings.Split(rest, ".")
	if slices.Contains(steps, "") {
		return key{}, errors.New("has an empty name between dots: write it as data.outer.inner (a dot cannot be part of a name)")
	}
	return key{steps: steps}, nil
}
