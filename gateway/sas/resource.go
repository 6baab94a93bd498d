package sas

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
)

// A Resource is what a token is good for: a namespace, a topic of it, or a
// subscription of that. Names are in lower case.
type Resource struct {
	Host string // without port and final dot
	// Namespace is that of a prefix /ns/<namespace>, or empty.
	Namespace string
	// Path has the segments behind that: none, or topics/<t>, or that and
	// eventsubscriptions/<s>.
	Path []string
}

// Topic is the name of the topic, or empty: then the token is for all of them.
func (r Resource) Topic() string {
	if len(r.Path) >= 2 && r.Path[0] == "topics" {
		return r.Path[1]
	}
	return ""
}

// Covers says whether a request for these segments is within r: the same, or below.
// The segments are without the verb.
func (r Resource) Covers(path []string) bool {
	return len(r.Path) <= len(path) && slices.EqualFunc(r.Path, path[:len(r.Path)], func(a, b string) bool { return a == strings.ToLower(b) })
}

// readResource reads a URL. Scheme, port, query and a verb do not count.
func readResource(text string) (Resource, error) {
	u, err := url.Parse(text)
	if err != nil || Host(u.Host) == "" {
		return Resource{}, errors.New("r of the shared access signature must be the URL of a namespace, a topic or a subscription")
	}
	r := Resource{Host: Host(u.Host)}
	for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
		if segment == "" {
			continue
		}
		name, err := url.PathUnescape(segment)
		if err != nil {
			return Resource{}, errors.New("the path in r of the shared access signature is not percent-encoded")
		}
		r.Path = append(r.Path, strings.ToLower(name))
	}
	if len(r.Path) >= 2 && r.Path[0] == "ns" {
		r.Namespace, r.Path = r.Path[1], r.Path[2:]
	}
	if n := len(r.Path); n == 2 || n == 4 { // a name, which may have a verb
		if colon := strings.LastIndexByte(r.Path[n-1], ':'); colon >= 0 {
			r.Path[n-1] = r.Path[n-1][:colon]
		}
	}
	return r, nil
}

// Host is a host name in lower case, without port and final dot.
func Host(hostport string) string {
	host := hostport
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}
