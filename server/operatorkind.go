package server

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// kindOf is User or Application, as systemData names who a token is for. The token has
// been verified. It is an application's when it says so (idtyp, of Entra), or when its
// subject is the client that asked for it: RFC 9068, section 2.2.
func kindOf(token string) string {
	var claims struct {
		Kind     string `json:"idtyp"`
		Subject  string `json:"sub"`
		ClientID string `json:"client_id"`
		Party    string `json:"azp"`
	}
	if parts := strings.Split(token, "."); len(parts) == 3 {
		body, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(body, &claims) // claims of other types than these say nothing
	}
	if claims.Kind == "app" || claims.Subject != "" && (claims.Subject == claims.ClientID || claims.Subject == claims.Party) {
		return "Application"
	}
	return "User"
}
