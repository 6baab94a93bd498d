package namespace

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gridmq/identity"
)

// Identity types, in the spelling of Resource Manager.
var identityTypes = []string{"None", "SystemAssigned", "UserAssigned", "SystemAssigned, UserAssigned"}

// Identity is what a namespace may call itself. Here it has no power: references
// to it are checked, and ids are made up, so that tools are content.
type Identity struct {
	Type string   // one of identityTypes; empty: None, and not shown
	User []string // resource ids of user-assigned identities
}

func (i Identity) system() bool { return strings.HasPrefix(i.Type, "SystemAssigned") }
func (i Identity) user() bool   { return strings.HasSuffix(i.Type, "UserAssigned") }

// Has says whether use refers to one of these.
func (i Identity) Has(use IdentityUse) bool {
	switch use.Type {
	case "SystemAssigned":
		return i.system()
	case "UserAssigned":
		return slices.ContainsFunc(i.User, func(id string) bool { return strings.EqualFold(id, use.User) })
	}
	return true
}

// An IdentityUse says with which identity something is done.
type IdentityUse struct {
	Type string `json:"type"`
	User string `json:"userAssignedIdentity,omitempty"`
}

const maxUserIdentities = 20

func (r *reader) identity() {
	id, given := r.Object("identity")
	if !given {
		return
	}
	text, given := id.Text("type", maxText)
	canonical := strings.ReplaceAll(strings.ToLower(text), " ", "")
	at := slices.IndexFunc(identityTypes, func(t string) bool {
		return strings.ReplaceAll(strings.ToLower(t), " ", "") == canonical
	})
	if at < 0 {
		if _, wrong := id.Raw("type"); given || !wrong {
			id.Fail("type", "want "+strings.Join(identityTypes, " or "))
		}
		return
	}
	r.n.Identity.Type = identityTypes[at]
	if !r.n.Identity.user() {
		return // the list of a GET is not taken back
	}
	raw, _ := id.Raw("userAssignedIdentities")
	users, err := memberNames(raw)
	if err != nil || len(users) == 0 || len(users) > maxUserIdentities {
		id.Fail("userAssignedIdentities", fmt.Sprintf("want a JSON object with 1 to %d ids of identities", maxUserIdentities))
		return
	}
	r.n.Identity.User = users
}

// use reads a reference to an identity of the namespace.
func (r *reader) use(p *identity.Properties, types ...string) IdentityUse {
	at, given := p.Enum("type", types...)
	if _, wrong := p.Raw("type"); !given {
		if !wrong {
			p.Fail("type", "is required: "+strings.Join(types, " or "))
		}
		return IdentityUse{}
	}
	use := IdentityUse{Type: types[at]}
	if use.Type == "UserAssigned" {
		use.User = required(p, "userAssignedIdentity")
	}
	if !r.stored && !r.n.Identity.Has(use) && (use.Type != "UserAssigned" || use.User != "") {
		p.Fail("type", "the namespace does not have this identity: see its own member identity")
	}
	return use
}

// madeUp is an id in the form of a UUID, always the same for the same parts.
func madeUp(parts ...string) string {
	h := sha256.Sum256([]byte(strings.ToLower(strings.Join(parts, "\x00"))))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // version 8: of the maker's own making
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

func (n *Namespace) identityJSON() map[string]any {
	i := n.Identity
	if i.Type == "" {
		return nil
	}
	shown := map[string]any{"type": i.Type}
	if i.system() {
		shown["principalId"], shown["tenantId"] = madeUp("principal", n.Name), madeUp("tenant")
	}
	if i.user() {
		all := map[string]any{}
		for _, id := range i.User {
			all[id] = map[string]any{"principalId": madeUp("principal", id), "clientId": madeUp("client", id)}
		}
		shown["userAssignedIdentities"] = all
	}
	return shown
}

func memberNames(raw []byte) ([]string, error) {
	o, err := object(raw)
	return slices.Sorted(maps.Keys(o)), err
}
