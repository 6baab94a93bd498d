package control_test

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gridmq/control"
	"gridmq/control/resource"
)

// What az and Terraform ask around our resources: section 9.
func TestNeighbours(t *testing.T) {
	b := newBench(t, func(o *control.Options) { o.Locations = []string{"local", "westeurope"} })
	b.furnish()
	group := "/subscriptions/sub/resourcegroups/"
	none := []string{"Authorization", ""}
	tests := []struct {
		request, body string
		headers       []string
		status        int
		path, want    string // a member and its JSON
	}{
		{"GET /metadata/endpoints?api-version=2015-01-01", "", none, 200, "authentication.loginEndpoint", `"https://manage.test/adfs"`},
		{"GET /metadata/endpoints?api-version=2022-09-01", "", none, 200, "", ""},
		{"GET /subscriptions?api-version=2019-11-01", "", none, 401, "", ""},
		{"GET /subscriptions?api-version=2019-11-01", "", nil, 200, "", ""},
		{"GET /subscriptions/sub", "", nil, 200, "state", `"Enabled"`},
		{"GET /tenants", "", nil, 200, "", ""},
		{"PUT " + group + "new?api-version=2021-04-01", `{"location": "local","tags":{"a":"b"}}`, nil, 201, "properties.provisioningState", `"Succeeded"`},
		{"PUT " + group + "new", `{"location": "local"}`, nil, 200, "type", `"Microsoft.Resources/resourceGroups"`},
		{"GET " + group + "NEW", "", nil, 200, "id", `"/subscriptions/sub/resourceGroups/new"`},
		{"HEAD " + group + "new", "", nil, 204, "", ""},
		{"HEAD " + group + "none", "", nil, 404, "", ""},
		{"GET " + group + "none", "", nil, 404, "error.code", `"ResourceGroupNotFound"`},
		{"GET " + group, "", nil, 200, "", ""},
		{"GET " + group + "rg/resources", "", nil, 200, "", ""},
		{"GET " + group + "none/resources", "", nil, 404, "", ""},
		{"GET " + group + "none/providers/Microsoft.EventGrid/namespaces", "", nil, 404, "error.code", `"ResourceGroupNotFound"`},
		{"DELETE " + group + "new", "", nil, 200, "", ""},
		{"DELETE " + group + "new", "", nil, 404, "", ""},
		{"GET /subscriptions/sub/providers/Microsoft.EventGrid?api-version=2021-04-01", "", nil, 200, "registrationState", `"Registered"`},
		{"GET /subscriptions/sub/providers/Microsoft.Web", "", nil, 404, "", ""},
		{"GET /subscriptions/sub/providers", "", nil, 200, "", ""},
		{"POST /subscriptions/sub/providers/Microsoft.EventGrid/register", "", nil, 200, "registrationState", `"Registered"`},
	}
	for _, tt := range tests {
		a := b.do(tt.request, tt.body, tt.headers...)
		if a.status != tt.status || tt.path != "" && quote(a.at(tt.path)) != tt.want {
			t.Errorf("%s: %d, %s = %s, want %d, %s: %.300s", tt.request, a.status, tt.path, quote(a.at(tt.path)), tt.status, tt.want, a.text)
		}
	}
	provider := b.must(200, "GET /subscriptions/sub/providers/microsoft.eventgrid", "")
	for _, kind := range []string{"namespaces", "namespaces/clients", "namespaces/clientGroups", "namespaces/topicSpaces", "namespaces/permissionBindings", "namespaces/caCertificates"} {
		if !strings.Contains(provider.text, `"resourceType":"`+kind+`"`) {
			t.Errorf("the provider does not know %s", kind)
		}
	}
	if !strings.Contains(provider.text, `"locations":["local","westeurope"]`) || strings.Contains(provider.text, "bans") {
		t.Errorf("%s", provider.text)
	}
	first := provider.at("resourceTypes").([]any)[0].(map[string]any)["apiVersions"].([]any)[0]
	if first != "2025-02-15" {
		t.Errorf("the newest stable version is not the first: %v", first)
	}
}

// DELETE of a resource group removes the namespaces inside, and no others.
func TestDeleteGroup(t *testing.T) {
	b := newBench(t, nil)
	b.furnish()
	b.must(201, "PUT "+base+"/namespaces/second", "{}")
	b.must(201, "PUT "+strings.Replace(base, "/rg/", "/other/", 1)+"/namespaces/third", "{}")
	b.must(200, "DELETE /subscriptions/sub/resourcegroups/rg", "")
	b.must(404, "GET "+plant, "")
	if a := b.must(200, "GET /subscriptions/sub/providers/Microsoft.EventGrid/namespaces", ""); !slices.Equal(a.names(), []string{"third"}) {
		t.Errorf("left: %q", a.names())
	}
}

func TestStrictPlaces(t *testing.T) {
	b := newBench(t, func(o *control.Options) { o.StrictGroups, o.Subscriptions = true, []string{"sub"} })
	if a := b.do("PUT "+plant, "{}"); a.status != 404 || a.code() != "ResourceGroupNotFound" {
		t.Errorf("%d %s", a.status, a.text)
	}
	b.must(201, "PUT /subscriptions/sub/resourcegroups/rg", `{"location":"local"}`)
	b.must(201, "PUT "+plant, "{}")
	for _, path := range []string{strings.Replace(plant, "/sub/", "/x/", 1), "/subscriptions/x", "/subscriptions/x/resourcegroups", "/subscriptions/x/providers/Microsoft.EventGrid/namespaces"} {
		if a := b.do("GET "+path, ""); a.status != 404 || a.code() != "SubscriptionNotFound" {
			t.Errorf("%s: %d %s", path, a.status, a.text)
		}
	}
}

// No redirect, whatever the path: over a real connection, with a client that would
// follow one.
func TestNoRedirect(t *testing.T) {
	b := newBench(t, nil)
	s := b.served()
	c := &http.Client{CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		t.Errorf("redirected to %s", r.URL)
		return http.ErrUseLastResponse
	}}
	defer c.CloseIdleConnections()
	for _, path := range []string{"//subscriptions//sub//resourcegroups/rg/", "/subscriptions/../x", "//x/./y"} {
		r, _ := http.NewRequest(http.MethodPut, s.URL+path+"?api-version=2021-04-01", strings.NewReader(`{"location":"local"}`))
		r.Header.Set("Authorization", "Bearer "+owner)
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text := readAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode/100 == 3 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, text)
		}
	}
}

// A plane that is opened again on the same store tells the same changes.
func TestReplay(t *testing.T) {
	live := map[string]string{}
	follow := func(m map[string]string) func(*control.Options) {
		return func(o *control.Options) {
			o.Apply = func(c resource.Change) {
				key := c.Namespace + "/" + c.Kind + "/" + c.Name
				if delete(m, key); c.New != nil {
					m[key] = string(c.New.Kind.Stored(c.New.Noun))
				}
			}
		}
	}
	b := newBench(t, follow(live))
	b.furnish()
	b.must(200, "PATCH "+plant, `{"tags":{"a":"b"},"properties":{"gridmq":{"profile":"azure"}}}`)
	b.must(201, "PUT "+plant+"/clients/gone", "{}")
	b.must(200, "DELETE "+plant+"/clients/gone", "")
	b.must(201, "PUT /gridmq/operators/ann", `{"properties":{"role":"reader"}}`)
	token := number(b.must(200, "POST /gridmq/operators/ann/newToken", "").at("token"))
	shown := b.must(200, "GET "+plant, "").text
	_ = b.plane.Close()

	again := map[string]string{}
	o := control.Options{Store: b.store, Domain: "mq.test"}
	follow(again)(&o)
	p, err := control.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if !reflect.DeepEqual(live, again) {
		t.Errorf("replayed %v\nlive %v", again, live)
	}
	b.plane = p
	if a := b.must(200, "GET "+plant, "", "Authorization", "Bearer "+token); a.text != shown {
		t.Errorf("%s\nbefore %s", a.text, shown)
	}
}

func TestEnsureNamespace(t *testing.T) {
	b := newBench(t, nil)
	for range 2 {
		if err := b.plane.EnsureNamespace(t.Context(), "default", []byte(`{"properties":{"gridmq":{"profile":"azure"}}}`)); err != nil {
			t.Fatal(err)
		}
	}
	id := "/subscriptions/" + url.PathEscape("00000000-0000-0000-0000-000000000000") + "/resourceGroups/gridmq/providers/Microsoft.EventGrid/namespaces/default"
	if a := b.must(200, "GET "+id, ""); a.at("systemData.createdByType") != "Application" {
		t.Errorf("%s", a.text)
	}
}

// A process that ends between the two writes leaves a namespace without its group.
func TestEnsureNamespaceMakesTheGroup(t *testing.T) {
	b := newBench(t, nil)
	set := b.plane.Resources()
	groups := func() (names []string) {
		set.List(resource.Process, set.Kind(resource.ResourceGroups), "", "", func(string) bool { return true }, func(r *resource.Resource) bool {
			names = append(names, r.Name)
			return true
		})
		return names
	}
	ensure := func() {
		t.Helper()
		if err := b.plane.EnsureNamespace(t.Context(), "default", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	ensure()
	made := groups()
	if len(made) != 1 {
		t.Fatalf("groups %q", made)
	}
	q := resource.Request{Kind: set.Kind(resource.ResourceGroups), Namespace: resource.Process, Name: made[0]}
	if _, err := set.Delete(t.Context(), q); err != nil || len(groups()) != 0 {
		t.Fatal(err, groups())
	}
	ensure()
	if got := groups(); !slices.Equal(got, made) {
		t.Errorf("groups %q, want %q", got, made)
	}
}

func TestOpenAPI(t *testing.T) {
	b := newBench(t, nil)
	a := b.must(200, "GET /gridmq/openapi.json", "", "Authorization", "")
	if a.at("openapi") != "3.1.0" || !strings.Contains(a.text, "namespaces/{namespaceName}/permissionBindings/{name}") {
		t.Errorf("%.300s", a.text)
	}
}
