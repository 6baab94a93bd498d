package server

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"gridmq/dashboard"
)

// withConsole puts the console before the management plane, at paths that Resource
// Manager does not have. It lets nobody do anything: what the console does, it asks of
// the plane, with its operator's token.
func (s *Server) withConsole(plane http.Handler) http.Handler {
	signIn := s.signIn()
	console := dashboard.New(dashboard.Options{SignIn: signIn, Connect: func(host string) []string {
		return append(s.webSocketOrigins(host), signIn.Reach()...)
	}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path+"/" == dashboard.Path || strings.HasPrefix(r.URL.Path, dashboard.Path):
			console.ServeHTTP(w, r)
		case r.URL.Path == "/" && strings.Contains(r.Header.Get("Accept"), "text/html"): // a person with a browser
			http.Redirect(w, r, dashboard.Path, http.StatusTemporaryRedirect)
		default:
			plane.ServeHTTP(w, r)
		}
	})
}

// signIn is what the console has to know to ask people to sign in at the issuer whose
// tokens the plane takes; nil: it asks for a token only.
func (s *Server) signIn() *dashboard.SignIn {
	o := s.cfg.Management.OIDC
	u, err := url.Parse(o.Issuer)
	if o.SignIn.ClientID == "" || err != nil {
		return nil
	}
	scopes := o.SignIn.Scopes
	if len(scopes) == 0 {
		scopes = []string{"openid", "profile"}
	}
	origins := append([]string{"https://" + u.Host}, o.SignIn.Origins...)
	return &dashboard.SignIn{Issuer: o.Issuer, ClientID: o.SignIn.ClientID, Audience: o.Audience, Scopes: scopes, Origins: slices.Compact(origins)}
}
