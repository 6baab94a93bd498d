package dashboard

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"testing"
)

// What the page has to know about the provider is a file like the others; without one
// it says so, and is no error.
func TestSignIn(t *testing.T) {
	plant := &SignIn{Issuer: "https://login.test/plant", ClientID: "console", Audience: "gridmq", Scopes: []string{"openid"}, Origins: []string{"https://login.test"}}
	for name, want := range map[string]*SignIn{"none": nil, "one": plant} {
		o := Options{Files: small, SignIn: want}
		w := get(t, o, "GET", "/console/signin.json")
		body, err := io.ReadAll(w.Body)
		if err != nil || w.StatusCode != http.StatusOK || w.Header.Get("Content-Type") != "application/json" || w.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v %v", name, w.StatusCode, w.Header, err)
		}
		var got SignIn
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s: %s: %v", name, body, err)
		}
		if want == nil && string(body) != "{}" || want != nil && !reflect.DeepEqual(got, *want) {
			t.Errorf("%s: %s, want %+v", name, body, want)
		}
		if w := get(t, o, "GET", "/console/signin.json", "If-None-Match", w.Header.Get("ETag")); w.StatusCode != http.StatusNotModified {
			t.Errorf("%s, with its tag: %d", name, w.StatusCode)
		}
	}
	if list := (*SignIn)(nil).Reach(); list != nil {
		t.Errorf("without a provider the page may reach %v", list)
	}
}
