package server

import (
	"net/http"
	"strings"

	"gridmq/dashboard"
)

// withConsole puts the console before the management plane, at paths that Resource
// Manager does not have. It lets nobody do anything: what the console does, it asks of
// the plane, with its operator's token.
func (s *Server) withConsole(plane http.Handler) http.Handler {
	console := dashboard.New(dashboard.Options{Connect: s.webSocketOrigins})
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
