package subscription

import (
	"net/url"
	"strings"

	"gridmq/control/tree"
)

// Paths into the tree of a resource.
const (
	modePath         = "properties.deliveryConfiguration.deliveryMode"
	pushPath         = "properties.deliveryConfiguration.push."
	plainPath        = pushPath + destinationMember
	withIdentityPath = pushPath + withIdentityMember
	tagsPath         = "properties.tags"
)

// Fill puts into a request what its sender has never seen or did not mention: the
// mode, the URL of a webhook and the values of secret headers. asked is what the
// request leads to (of a patch: what it makes of stored), request what it says.
//
// A secret header belongs to where it is sent. When that changes, it has to be given
// again: who may write an event subscription may not read a secret by sending it home.
func Fill(asked, request, stored any, patch bool) any {
	if patch {
		asked = replaced(asked, request)
	}
	if mode, had := tree.Get(stored, modePath); had && !isGiven(asked, modePath) {
		asked = tree.With(asked, modePath, mode)
	}
	to, was := destinationPath(asked), destinationPath(stored)
	if to == "" {
		return asked
	}
	if !isGiven(asked, to+".properties.endpointUrl") && was != "" && isWebHook(asked, to) && isWebHook(stored, was) {
		kept, _ := tree.Get(stored, was+".properties.endpointUrl")
		asked = tree.With(asked, to+".properties.endpointUrl", kept)
	}
	return keepSecrets(asked, request, stored, to, was)
}

// replaced is what a patch makes of members that are not merged.
func replaced(asked, request any) any {
	if tags, given := tree.Get(request, tagsPath); given {
		asked = tree.With(asked, tagsPath, tree.Merge(nil, tags))
	}
	// The two forms of a destination exclude each other: who gives one means it.
	plain, with := isGiven(request, plainPath), isGiven(request, withIdentityPath)
	switch {
	case plain && !with:
		asked = tree.Without(asked, withIdentityPath)
	case with && !plain:
		asked = tree.Without(asked, plainPath)
	}
	return asked
}

func isGiven(v any, path string) bool {
	found, ok := tree.Get(v, path)
	return ok && found != nil
}

// destinationPath is where the destination is; empty: there is none, or two.
func destinationPath(v any) string {
	plain, with := isGiven(v, plainPath), isGiven(v, withIdentityPath+"."+destinationMember)
	switch {
	case plain == with:
		return ""
	case plain:
		return plainPath
	}
	return withIdentityPath + "." + destinationMember
}

func isWebHook(v any, path string) bool {
	return strings.EqualFold(textAt(v, path+".endpointType"), endpointTypes[0])
}

func textAt(v any, path string) string {
	found, _ := tree.Get(v, path)
	s, _ := found.(string)
	return s
}

const mappings = ".properties.deliveryAttributeMappings"

// keepSecrets gives each secret header its value: what the request says, else the
// stored one if it goes where it went.
func keepSecrets(asked, request, stored any, to, was string) any {
	found, _ := tree.Get(asked, to+mappings)
	list, ok := found.([]any)
	if !ok {
		return asked
	}
	kept := map[string]any{}
	if was != "" && receiver(asked, to) == receiver(stored, was) {
		before, _ := tree.Get(stored, was+mappings)
		old, _ := before.([]any)
		for _, one := range old {
			if isSecret(one) {
				kept[strings.ToLower(textAt(one, "name"))], _ = tree.Get(one, "properties.value")
			}
		}
	}
	said := isGiven(request, to+mappings)
	filled := make([]any, len(list))
	for i, one := range list {
		if filled[i] = one; !isSecret(one) || said && isGiven(one, "properties.value") {
			continue
		}
		filled[i] = tree.Without(one, "properties.value")
		if v, had := kept[strings.ToLower(textAt(one, "name"))]; had {
			filled[i] = tree.With(filled[i], "properties.value", v)
		}
	}
	return tree.With(asked, to+mappings, filled)
}

func isSecret(mapping any) bool {
	secret, _ := tree.Get(mapping, "properties.isSecret")
	yes, _ := secret.(bool)
	return yes
}

// receiver is to whom a destination sends.
func receiver(v any, path string) string {
	if !isWebHook(v, path) {
		return "hub " + strings.ToLower(textAt(v, path+".properties.resourceId"))
	}
	u, err := url.Parse(textAt(v, path+".properties.endpointUrl"))
	if err != nil {
		return "none"
	}
	return "webhook " + strings.ToLower(u.Scheme+"://"+u.Host)
}
