package resource

import (
	"cmp"
	"strings"

	"gridmq/control/tree"
	"gridmq/identity"
)

// A Group is a resource group: a place for namespaces.
type Group struct {
	Name     string
	Location string
	Tags     map[string]any
}

// GroupName is the name of a resource group within the process.
func GroupName(subscription, group string) string { return subscription + "/" + group }

func groupKind() *Kind {
	read := func(name string, body []byte) (any, error) { return orNil(decodeGroup(name, body)) }
	show := func(n any) []byte { return n.(*Group).encode() }
	return &Kind{Name: ResourceGroups, Type: "Microsoft.Resources/resourceGroups", Order: 1, Limit: 10_000, Patchable: true,
		whole: true, Decode: read, Load: read, Shown: show, Stored: show}
}

func decodeGroup(name string, body []byte) (*Group, error) {
	p := identity.ReadProperties(body)
	if !isGroupName(name) {
		p.Fail("name", "want 1 to 90 letters, digits and _ - . ( ), not ending in a point")
	}
	g := &Group{Name: name}
	g.Location, _ = p.Text("location", 256)
	g.Location = cmp.Or(g.Location, "local")
	if raw, given := p.Raw("tags"); given {
		v, err := tree.Parse(raw)
		tags, ok := v.(map[string]any)
		for _, one := range tags {
			_, isText := one.(string)
			ok = ok && isText
		}
		if err != nil || !ok || len(tags) > 50 {
			p.Fail("tags", "want a JSON object of at most 50 strings")
		}
		g.Tags = tags
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return g, nil
}

func isGroupName(s string) bool {
	if len(s) < 1 || len(s) > 90 || strings.HasSuffix(s, ".") {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("_-.()", c) >= 0:
		default:
			return false
		}
	}
	return true
}

func (g *Group) encode() []byte {
	body := map[string]any{"location": g.Location}
	if g.Tags != nil {
		body["tags"] = g.Tags
	}
	return tree.Encode(body)
}
