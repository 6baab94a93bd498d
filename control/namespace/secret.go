package namespace

import (
	"encoding/json"
	"net/url"
	"strings"

	"gridmq/control/tree"
)

const (
	oursPath       = "properties.gridmq"
	credentialPath = oursPath + ".webhookAuthentication.credential"
	secretPath     = credentialPath + ".secret"
	endpointPath   = "properties.topicSpacesConfiguration.clientAuthentication.webhookAuthentication.endpointUrl"
)

// withoutSecret says only that there is one.
func withoutSecret(webhook json.RawMessage) any {
	v, err := tree.Parse(webhook)
	if err != nil {
		return nil
	}
	const secret = "credential.secret"
	if _, has := tree.Get(v, secret); has {
		v = tree.With(tree.Without(v, secret), "credential.hasSecret", true)
	}
	return v
}

// Fill puts into a request what its sender has never seen or did not mention:
// properties.gridmq as a whole, and the webhook's secret. asked is what the request
// leads to (of a patch: what it makes of stored), request what it says.
//
// A secret belongs to where it is sent. When that changes, it has to be given
// again: who may write a namespace may not read the secret by sending it home.
func Fill(asked, request, stored any, patch bool) any {
	ours, had := tree.Get(stored, oursPath)
	if !patch && had && !isGiven(request, oursPath) {
		asked = tree.With(asked, oursPath, ours)
	}
	if isGiven(request, secretPath) {
		return asked
	}
	secret, had := tree.Get(stored, secretPath)
	if asked = tree.Without(asked, secretPath); had && sameReceiver(asked, stored) {
		asked = tree.With(asked, secretPath, secret)
	}
	return asked
}

func isGiven(v any, path string) bool {
	found, ok := tree.Get(v, path)
	return ok && found != nil
}

func sameReceiver(a, b any) bool {
	for _, member := range []string{"type", "tokenUrl", "clientId", "headerName"} {
		if !strings.EqualFold(textAt(a, credentialPath+"."+member), textAt(b, credentialPath+"."+member)) {
			return false
		}
	}
	return textAt(a, credentialPath+".type") != "" && origin(textAt(a, endpointPath)) == origin(textAt(b, endpointPath))
}

func textAt(v any, path string) string {
	found, _ := tree.Get(v, path)
	s, _ := found.(string)
	return s
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}
