package control_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Any path and query gets an answer of the right shape, never a redirect, a panic
// or a 500; a GET stores nothing.
func FuzzRequest(f *testing.F) {
	for _, target := range []string{plant + "?api-version=2025-02-15", "/subscriptions//x/%2e%2e/", "/gridmq/namespaces/plant/bans/a%2Fb",
		plant + "/clients?api-version=2025-02-15&$top=3&$filter=not(name+eq+'x')&$skipToken=YQ", "/%zz", "/gridmq/audit?$skipToken=AAAA",
		"/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01", plant + "/listKeys/x/providers/Microsoft.Authorization/roleAssignments/a?api-version=2022-04-01"} {
		f.Add("GET", target, "{}")
	}
	f.Add("PUT", plant+"/clients/a?api-version=2025-02-15", `{"properties":{"attributes":{"a":[]}}}`)
	f.Add("PATCH", plant+"?api-version=2025-02-15", `{"properties":{"gridmq":{"limits":{"a":null}}}}`)
	b := newBench(f, nil)
	b.furnish()
	f.Fuzz(func(t *testing.T, method, target, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") {
			return
		}
		if method != http.MethodPut && method != http.MethodPatch {
			method = http.MethodGet
		}
		r := httptest.NewRequest(method, "https://manage.test/", strings.NewReader(body))
		r.URL = u
		r.Header.Set("Authorization", "Bearer "+owner)
		if method != http.MethodGet {
			r.Header.Set("gridmq-dry-run", "true")
		}
		before := len(b.documents("c"))
		w := httptest.NewRecorder()
		b.plane.ServeHTTP(w, r)
		if w.Code/100 == 3 || w.Code == 500 || w.Code >= 400 && !strings.Contains(w.Body.String(), `"error":{"code":"`) {
			t.Errorf("%s %q: %d %s", method, target, w.Code, w.Body)
		}
		if after := len(b.documents("c")); after != before {
			t.Errorf("%s %q stored something", method, target)
		}
	})
}
