package access

import (
	"fmt"
	"strings"

	"gridmq/identity"
	"gridmq/topic"
)

// missing says what is wrong with the value of a variable, if it has no usable one.
func missing(v topic.Variable, who *identity.Principal) *problem {
	raw := rawValue(who, v)
	if len(raw) == 0 {
		return missingAttribute(v, who)
	}
	var err error
	for _, s := range raw {
		if err = topic.CheckValue(s); err == nil {
			return nil
		}
	}
	text := fmt.Sprintf("the value of %s is %s, so the template grants nothing: a value must not be empty nor hold '/', '+', '#' or U+0000", v, quoteSome(raw))
	return &problem{UnsafeValue, text}
}

func missingAttribute(v topic.Variable, who *identity.Principal) *problem {
	value, given := who.Attributes[string(v)]
	text := fmt.Sprintf("the client has no attribute %s, so the template grants nothing", string(v))
	if who.Method == identity.DirectoryToken {
		text = fmt.Sprintf("clients with a directory token have no attributes, such as %s, so the template grants nothing", string(v))
	} else if _, list := value.List(); given && list {
		text = fmt.Sprintf("the client's attribute %s is an empty list, so the template grants nothing", string(v))
	} else if given {
		text = fmt.Sprintf("the client's attribute %s is neither text nor an integer nor a list of texts, so the template grants nothing", string(v))
	} else if key := otherCase(string(v), who.Attributes); key != "" {
		text += fmt.Sprintf("; it has %s, which is another one: keys are case-sensitive", key)
	}
	return &problem{MissingValue, text}
}

// otherCase finds an attribute whose key differs in case only.
func otherCase(key string, attributes identity.Attributes) string {
	found := ""
	for k := range attributes {
		if strings.EqualFold(k, key) && (found == "" || k < found) {
			found = k
		}
	}
	return found
}

// elsewhere is for a template that begins as what is asked, and goes on otherwise.
func (m *Miss) elsewhere(shape string, rules *spaceRules, asked string) bool {
	wants, has := strings.Split(shape, "/"), strings.Split(asked, "/")
	n := 0
	for n < len(wants) && n < len(has) && (wants[n] == has[n] || wants[n] == "+" && has[n] != "#") {
		n++
	}
	m.Kind, m.common = Elsewhere, n
	m.Rules = append(m.Rules, rules.mine...)
	switch {
	case n == len(wants):
		m.Text = fmt.Sprintf("the template ends after level %d of this one", n)
	case n == len(has):
		m.Text = fmt.Sprintf("the template goes on after this one's last level, with %q", wants[n])
	case strings.EqualFold(wants[n], has[n]):
		m.Text = fmt.Sprintf("level %d is %q here and %q in the template: case matters", n+1, has[n], wants[n])
		m.common++
		return true
	case wants[n] == "":
		m.Text = fmt.Sprintf("level %d is %q here and empty in the template: it has a '/' more", n+1, has[n])
	default:
		m.Text = fmt.Sprintf("level %d is %q here and %q in the template", n+1, has[n], wants[n])
	}
	return n > 0 && (n > 1 || wants[0] != "+")
}

// quoteSome lists texts, of many the first.
func quoteSome(texts []string) string {
	var b strings.Builder
	for i, s := range texts {
		if i == maxShownFilters {
			fmt.Fprintf(&b, " and %d more", len(texts)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.200q", s)
	}
	return b.String()
}

// owners tells who has the permission.
func owners(rules []Rule) string {
	var names []string
	for i, r := range rules {
		if i == maxShownFilters {
			names = append(names, fmt.Sprintf("%d more", len(rules)-i))
			break
		}
		if r.Role != "" {
			names = append(names, "other principals by role assignment "+r.Role)
		} else {
			names = append(names, "group "+r.Group+" by binding "+r.Binding)
		}
	}
	return strings.Join(names, " and ") + " would allow it"
}
