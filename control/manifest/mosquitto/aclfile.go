package mosquitto

import (
	"strings"

	"gridmq/control/manifest"
	"gridmq/topic"
)

// access is what a rule is about. None of it: the rule denies.
type access uint8

const (
	read access = 1 << iota
	write
)

var accessNames = map[string]access{"read": read, "write": write, "readwrite": read | write, "deny": 0}

// A rule is a line of an acl_file.
type rule struct {
	filter  string // with %u and %c, if it is a pattern
	may     access
	pattern bool
	text    string // as it was written
	at      manifest.Source
}

func (r *rule) denies() bool { return r.may == 0 }

// An aclFile is one that was read.
type aclFile struct {
	names    []string           // of users, in the order of the file
	users    map[string][]*rule // "": of clients without a user name
	patterns []*rule
}

// readACL reads an acl_file.
func readACL(file string, text []byte) (*aclFile, manifest.Faults) {
	a := &aclFile{users: map[string][]*rule{}}
	user := ""
	var wrong manifest.Faults
	fail := func(at manifest.Source, why string) {
		wrong = append(wrong, &manifest.Fault{Source: at, Message: why})
	}
	faults := eachLine(file, text, func(at manifest.Source, line string) {
		if strings.HasPrefix(line, "#") {
			return
		}
		line = strings.TrimLeft(line, " ")
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.Trim(rest, " \t")
		switch word {
		case "":
		case "user":
			if rest == "" {
				fail(at, "want a name after user")
				return
			}
			user = rest
			if _, known := a.users[user]; !known {
				a.users[user] = nil
				a.names = append(a.names, user)
			}
		case "topic", "pattern":
			r, why := parseRule(rest)
			if why != "" {
				fail(at, why)
				return
			}
			r.pattern, r.text, r.at = word == "pattern", line, at
			if r.pattern {
				a.patterns = append(a.patterns, r)
			} else {
				a.users[user] = append(a.users[user], r)
			}
		default:
			fail(at, "want user, topic, pattern or a comment at the beginning of the line")
		}
	})
	return a, append(faults, wrong...)
}

// parseRule reads what follows topic or pattern: an access, which may be missing, and a
// filter, which may contain spaces. A single word is the filter.
func parseRule(s string) (r *rule, why string) {
	r = &rule{filter: s, may: read | write}
	if word, rest, two := strings.Cut(s, " "); two {
		may, known := accessNames[word]
		if !known {
			return nil, "want read, write, readwrite or deny before the topic"
		}
		r.may, r.filter = may, strings.Trim(rest, " \t")
	}
	if err := topic.ValidFilter(r.filter); err != nil {
		return nil, "want a topic filter: " + strings.TrimPrefix(err.Error(), "topic: ")
	}
	return r, ""
}
