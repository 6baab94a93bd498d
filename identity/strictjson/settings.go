package strictjson

import (
	"errors"
	"strings"

	"gridmq/identity"
)

// Settings reads doc, an object that lies at path below a resource's properties, so
// that faults are told with their whole path. end gives them, joined. With names of
// members, others are a fault (Unknown): it is meant for our own extensions; what
// has the shape of Resource Manager may have members of later versions.
func Settings(path string, doc []byte, known ...string) (p *identity.Properties, end func() error) {
	if len(doc) == 0 {
		doc = []byte("{}")
	}
	if err := (Rules{FoldNames: true}).Check(doc); err != nil {
		fault := &identity.FieldError{Field: path, Reason: err.Error()}
		return identity.ReadProperties(nil), func() error { return fault }
	}
	outer := string(doc)
	steps := strings.Split(path, ".")
	for i := len(steps) - 1; i >= 0; i-- {
		outer = `{"` + steps[i] + `":` + outer + `}`
	}
	root := identity.ReadProperties([]byte(outer))
	p = root
	for _, s := range steps {
		p, _ = p.Object(s)
	}
	var stray error
	if u := ""; len(known) > 0 {
		if u = Unknown(doc, known...); u != "" {
			stray = &identity.FieldError{Field: path + "." + clip(u), Reason: "is not known"}
		}
	}
	return p, func() error { return errors.Join(root.Err(), stray) }
}

func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "..."
	}
	return s
}
