package dashboard

import (
	"net/http"
	"strings"
)

// The policy of every page: scripts, styles and images come from us and nowhere else,
// nothing is written into a page, no other page may frame it, and no text becomes a
// script (Trusted Types). It holds even if a client's name or a payload carries
// markup that slips through.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'; "

// secure sets the headers of every answer. connect are the origins besides our own
// that scripts may talk to.
func secure(h http.Header, connect []string) {
	h.Set("Content-Security-Policy", policy+"connect-src "+strings.Join(append([]string{"'self'"}, origins(connect)...), " "))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
}

// origins leaves out what would say something else in a policy than an origin: part of
// it comes from the Host of a request. A policy cannot name an IPv6 address.
func origins(list []string) (good []string) {
	for _, o := range list {
		if !strings.ContainsFunc(o, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:/*", r)
		}) {
			good = append(good, o)
		}
	}
	return good
}
