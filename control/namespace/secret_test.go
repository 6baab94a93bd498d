package namespace

import (
	"strings"
	"testing"

	"gridmq/control/tree"
)

func parse(t *testing.T, s string) any {
	t.Helper()
	v, err := tree.Parse([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return v
}

func document(endpoint, credential string) string {
	return `{"properties":{"topicSpacesConfiguration":{"clientAuthentication":{"webhookAuthentication":{"endpointUrl":"` + endpoint + `"}}},
		"gridmq":{"passwords":{"enabled":true},"webhookAuthentication":{"credential":` + credential + `}}}}`
}

// A secret stays as long as it is sent to where it was given for.
func TestFill(t *testing.T) {
	const stored = `{"type":"ClientCredentials","tokenUrl":"https://t.example","clientId":"c","secret":"hush"}`
	bearer := document("https://a.example/x", `{"type":"Bearer","secret":"hush"}`)
	tests := map[string]struct {
		stored, request string
		want            string // the secret afterwards
	}{
		"nothing said":       {bearer, `{"properties":{"topicSpacesConfiguration":{"clientAuthentication":{"webhookAuthentication":{"endpointUrl":"https://a.example/x"}}}}}`, "hush"},
		"null said":          {bearer, document("https://a.example/x", `{"type":"Bearer","secret":null}`), "hush"},
		"shown and put back": {bearer, document("https://A.example/x", `{"type":"bearer","hasSecret":true}`), "hush"},
		"another path":       {bearer, document("https://a.example/y?q", `{"type":"bearer"}`), "hush"},
		"another host":       {bearer, document("https://b.example/x", `{"type":"bearer"}`), ""},
		"another port":       {bearer, document("https://a.example:444/x", `{"type":"bearer"}`), ""},
		"another scheme":     {bearer, document("http://a.example/x", `{"type":"bearer"}`), ""},
		"no webhook":         {bearer, `{"properties":{}}`, ""},
		"another type":       {bearer, document("https://a.example/x", `{"type":"Header","headerName":"x-key"}`), ""},
		"given":              {bearer, document("https://b.example/x", `{"type":"Bearer","secret":"new"}`), "new"},
		"given in capitals":  {bearer, document("https://b.example/x", `{"type":"Bearer","SECRET":"new"}`), "new"},
		"credential dropped": {bearer, `{"properties":{"gridmq":{}}}`, ""},
		"token endpoint":     {document("https://a.example", stored), document("https://a.example", strings.Replace(stored, `,"secret":"hush"`, "", 1)), "hush"},
		"other endpoint": {document("https://a.example", stored),
			document("https://a.example", strings.Replace(strings.Replace(stored, `,"secret":"hush"`, "", 1), "t.example", "u.example", 1)), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			request, stored := parse(t, tt.request), parse(t, tt.stored)
			if got := textAt(Fill(request, request, stored, false), secretPath); got != tt.want {
				t.Errorf("secret %q, want %q", got, tt.want)
			}
			patched := Fill(tree.MergeFold(stored, request), request, stored, true)
			if got := textAt(patched, secretPath); got != tt.want && tt.want == "" && name != "no webhook" && name != "credential dropped" {
				t.Errorf("as a patch: secret %q, want %q", got, tt.want)
			}
		})
	}
}
