package control_test

import (
	"slices"
	"strings"
	"testing"

	"gridmq/control"
)

// Paths, versions and headers: sections 1.1, 2, 7.
func TestRequests(t *testing.T) {
	b := newBench(t, nil)
	b.furnish()
	v := "?api-version=" + control.Newest
	upper := strings.ToUpper(plant)
	tests := map[string]struct {
		request, body string
		headers       []string
		status        int
		code          string
	}{
		"lower case path":           {"GET " + strings.ToLower(plant), "", nil, 200, ""},
		"upper case path":           {"GET " + strings.Replace(upper, "/SUB/", "/sub/", 1), "", nil, 200, ""},
		"double slash":              {"GET /subscriptions/sub//resourcegroups/rg/providers/Microsoft.EventGrid//namespaces/plant", "", nil, 200, ""},
		"trailing slash":            {"GET " + plant + "/", "", nil, 200, ""},
		"decoded once":              {"GET " + base + "/namespaces/%70lant", "", nil, 200, ""},
		"not twice":                 {"GET " + base + "/namespaces/%2570lant", "", nil, 404, "ResourceNotFound"},
		"a slash in a name":         {"GET " + base + "/namespaces/pl%2Fant", "", nil, 404, "ResourceNotFound"},
		"query names ignore case":   {"GET " + plant + "?API-Version=2025-02-15", "", nil, 200, ""},
		"client, exact":             {"GET " + plant + "/clients/press-7", "", nil, 200, ""},
		"client, another case":      {"GET " + plant + "/clients/PRESS-7", "", nil, 404, "ResourceNotFound"},
		"group, another case":       {"GET " + plant + "/clientgroups/PRESSES", "", nil, 200, ""},
		"version missing":           {"GET " + plant + "?x=1", "", nil, 400, "MissingApiVersionParameter"},
		"version malformed":         {"GET " + plant + "?api-version=2025", "", nil, 400, "InvalidApiVersionParameter"},
		"version, month 13":         {"GET " + plant + "?api-version=2025-13-01", "", nil, 400, "InvalidApiVersionParameter"},
		"version unknown, tolerant": {"GET " + plant + "?api-version=2031-01-01-preview", "", nil, 200, ""},
		"no such path":              {"GET " + plant + "/lamps", "", nil, 404, "ResourceNotFound"},
		"nothing there":             {"GET /x", "", nil, 404, "ResourceNotFound"},
		"missing resource":          {"GET " + base + "/namespaces/other", "", nil, 404, "ResourceNotFound"},
		"missing child":             {"GET " + plant + "/clients/other", "", nil, 404, "ResourceNotFound"},
		"child of missing":          {"PUT " + base + "/namespaces/other/clients/a", "{}", nil, 404, "ParentResourceNotFound"},
		"list below missing":        {"GET " + base + "/namespaces/other/clients", "", nil, 404, "ParentResourceNotFound"},
		"delete below missing":      {"DELETE " + base + "/namespaces/other/clients/a", "", nil, 404, "ParentResourceNotFound"},
		"group of another":          {"GET " + strings.Replace(plant, "/rg/", "/other/", 1), "", nil, 404, "ResourceNotFound"},
		"name taken elsewhere":      {"PUT " + strings.Replace(plant, "/rg/", "/other/", 1), `{"location":"local"}`, nil, 409, "Conflict"},
		"no token":                  {"GET " + plant, "", []string{"Authorization", ""}, 401, "AuthenticationFailed"},
		"not a bearer token":        {"GET " + plant, "", []string{"Authorization", "Basic " + owner}, 401, "AuthenticationFailed"},
		"wrong token":               {"GET " + plant, "", []string{"Authorization", "Bearer x"}, 401, "InvalidAuthenticationToken"},
		"scheme in lower case":      {"GET " + plant, "", []string{"Authorization", "bearer " + owner}, 200, ""},
		"token before version":      {"GET " + plant + "?x=1", "", []string{"Authorization", ""}, 401, "AuthenticationFailed"},
		"PATCH of a child":          {"PATCH " + plant + "/clients/press-7", "{}", nil, 405, "MethodNotAllowed"},
		"POST of a resource":        {"POST " + plant, "", nil, 405, "MethodNotAllowed"},
		"PUT of a collection":       {"PUT " + plant + "/clients", "{}", nil, 405, "MethodNotAllowed"},
		"GET of an action":          {"GET " + plant + "/listKeys", "", nil, 405, "MethodNotAllowed"},
		"no JSON":                   {"PUT " + plant + "/clients/a", "{", nil, 400, "InvalidRequestContent"},
		"no body":                   {"PUT " + plant + "/clients/a", "", nil, 400, "InvalidRequestContent"},
		"a list":                    {"PUT " + plant + "/clients/a", "[]", nil, 400, "InvalidRequestContent"},
		"wrong type":                {"PUT " + plant + "/clients/a", `{"properties":{"description":7}}`, nil, 400, "InvalidRequestContent"},
		"a member twice":            {"PUT " + plant + "/clients/a", `{"properties":{"state":"Enabled","state":"Disabled"}}`, nil, 400, "InvalidRequestContent"},
		"twice in two spellings":    {"PUT " + plant + "/clients/a", `{"properties":{"state":"Enabled","State":"Disabled"}}`, nil, 400, "InvalidRequest"},
		"too deep":                  {"PUT " + plant + "/clients/a", strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), nil, 400, "InvalidRequestContent"},
		"too large":                 {"PUT " + plant + "/clients/a", `{"x":"` + strings.Repeat("x", 4<<20) + `"}`, nil, 413, "RequestEntityTooLarge"},
		"not JSON by type":          {"PUT " + plant + "/clients/a", "{}", []string{"Content-Type", "text/plain"}, 415, "UnsupportedMediaType"},
		"another charset":           {"PUT " + plant + "/clients/a", "{}", []string{"Content-Type", "application/json; charset=utf-16"}, 415, "UnsupportedMediaType"},
		"compressed":                {"PUT " + plant + "/clients/a", "{}", []string{"Content-Encoding", "gzip"}, 415, "UnsupportedMediaType"},
		"charset parameter":         {"PUT " + plant + "/clients/press-7", "{}", []string{"Content-Type", "application/json; charset=UTF-8"}, 200, ""},
		"no content type":           {"PUT " + plant + "/clients/press-7", "{}", nil, 200, ""},
		"unknown members":           {"PUT " + plant + "/clients/press-7", `{"location":"x","name":"press-7","what":{"x":1},"properties":{"more":[1]}}`, nil, 200, ""},
		"unknown, ours alone":       {"PUT " + plant + "/clients/press-7", `{"properties":{"gridmq":{"pasword":"a long secret"}}}`, nil, 400, "InvalidRequest"},
		"unknown in a namespace":    {"PUT " + plant, `{"properties":{"gridmq":{"passwords":{"enable":true}}}}`, nil, 400, "InvalidRequest"},
		"members ignore case":       {"PUT " + plant + "/clientGroups/presses", `{"PROPERTIES":{"Query":"attributes.kind = 'press'"}}`, nil, 200, ""},
		"enum ignores case":         {"PUT " + plant + "/clients/press-7", `{"properties":{"state":"enabled"}}`, nil, 200, ""},
		"another id":                {"PUT " + plant + "/clients/press-7", `{"id":"` + plant + `/clients/other"}`, nil, 400, "InvalidRequest"},
		"another name":              {"PUT " + plant + "/clients/press-7", `{"name":"other"}`, nil, 400, "InvalidRequest"},
		"another type":              {"PUT " + plant + "/clients/press-7", `{"type":"Microsoft.EventGrid/namespaces/lamps"}`, nil, 400, "InvalidRequest"},
		"null is not given":         {"PUT " + plant + "/clients/press-7", `{"properties":{"state":null,"description":null}}`, nil, 200, ""},
		"if-none-match, there":      {"PUT " + plant + "/clients/press-7", "{}", []string{"If-None-Match", "*"}, 412, "PreconditionFailed"},
		"if-match, not there":       {"PUT " + plant + "/clients/other", "{}", []string{"If-Match", "*"}, 412, "PreconditionFailed"},
		"if-match, stale":           {"PUT " + plant + "/clients/press-7", "{}", []string{"If-Match", `"1"`}, 412, "PreconditionFailed"},
		"if-match, foreign":         {"PUT " + plant + "/clients/press-7", "{}", []string{"If-Match", `"abc"`}, 412, "PreconditionFailed"},
		"if-match of a delete":      {"DELETE " + plant + "/clients/press-7", "", []string{"If-Match", `"1"`}, 412, "PreconditionFailed"},
		"unknown operation":         {"GET /subscriptions/sub/providers/Microsoft.EventGrid/locations/local/operationsStatus/7" + v, "", nil, 404, "ResourceNotFound"},
		"query twice":               {"GET " + plant + v + "&API-version=2025-02-15", "", nil, 400, "InvalidRequest"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b.t = t
			before := b.documents("c/")
			a := b.do(tt.request, tt.body, tt.headers...)
			if a.status != tt.status || a.code() != tt.code {
				t.Errorf("%s: %d %q, want %d %q: %.300s", tt.request, a.status, a.code(), tt.status, tt.code, a.text)
			}
			if a.status >= 400 && len(before) != len(b.documents("c/")) {
				t.Error("something was stored")
			}
			if a.status == 401 && a.header.Get("WWW-Authenticate") != "Bearer" {
				t.Error("no WWW-Authenticate: Bearer")
			}
			if a.header.Get("x-ms-request-id") == "" || a.header.Get("Location") != "" {
				t.Errorf("headers %v", a.header)
			}
		})
	}
}

func TestStrictVersions(t *testing.T) {
	b := newBench(t, func(o *control.Options) { o.StrictVersions = true })
	a := b.do("GET "+plant+"?api-version=2031-01-01", "")
	if a.status != 400 || a.code() != "InvalidApiVersionParameter" || !strings.Contains(a.text, "2025-02-15") {
		t.Errorf("%d %s", a.status, a.text)
	}
	b.must(200, "GET /subscriptions?api-version=2019-11-01", "")
}

func TestHeaders(t *testing.T) {
	b := newBench(t, nil)
	b.furnish()
	a := b.do("GET "+plant, "", "x-ms-client-request-id", "abc", "x-ms-return-client-request-id", "true", "x-ms-correlation-request-id", "def")
	for name, want := range map[string]string{"x-ms-client-request-id": "abc", "x-ms-correlation-request-id": "def",
		"Content-Type": "application/json; charset=utf-8"} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if a.header.Get("x-ms-request-id") == b.do("GET "+plant, "").header.Get("x-ms-request-id") {
		t.Error("x-ms-request-id is not unique")
	}
	tag := a.header.Get("ETag")
	if after := b.must(200, "PUT "+plant, `{"tags":{"a":"b"}}`, "If-Match", tag).header.Get("ETag"); after == tag {
		t.Error("the ETag did not change")
	}
	b.must(412, "PUT "+plant, `{}`, "If-Match", tag)
}

// Properties of namespaces and what is told about them: sections 4.1 to 4.4.
func TestNamespaceRules(t *testing.T) {
	spaces := func(s string) string { return `{"properties":{"topicSpacesConfiguration":` + s + `}}` }
	system := `"identity":{"type":"SystemAssigned"},`
	tests := map[string]struct {
		body   string
		target string // of the fault; "" is accepted
	}{
		"nothing":                  {`{}`, ""},
		"location only":            {`{"location":"local"}`, ""},
		"same location":            {`{"location":"LO cal"}`, ""},
		"another location":         {`{"location":"mars"}`, "location"},
		"tags":                     {`{"tags":{"a":"b"}}`, ""},
		"tag is no text":           {`{"tags":{"a":1}}`, "tags"},
		"too many tags":            {`{"tags":{` + strings.TrimSuffix(repeat(51, `"t%d":"",`), ",") + `}}`, "tags"},
		"tag name too long":        {`{"tags":{"` + strings.Repeat("x", 513) + `":""}}`, "tags"},
		"tag value too long":       {`{"tags":{"a":"` + strings.Repeat("x", 257) + `"}}`, "tags"},
		"sku":                      {`{"sku":{"name":"standard","capacity":40}}`, ""},
		"sku name":                 {`{"sku":{"name":"Premium"}}`, "sku.name"},
		"capacity 0":               {`{"sku":{"capacity":0}}`, "sku.capacity"},
		"capacity 41":              {`{"sku":{"capacity":41}}`, "sku.capacity"},
		"identity":                 {`{"identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"/x/y":{}}}}`, ""},
		"identity without space":   {`{"identity":{"type":"SystemAssigned,UserAssigned","userAssignedIdentities":{"/x/y":{}}}}`, ""},
		"identity type":            {`{"identity":{"type":"Mine"}}`, "identity.type"},
		"user identity without id": {`{"identity":{"type":"UserAssigned"}}`, "identity.userAssignedIdentities"},
		"network access":           {`{"properties":{"publicNetworkAccess":"securedbyperimeter"}}`, ""},
		"network access unknown":   {`{"properties":{"publicNetworkAccess":"Maybe"}}`, "properties.publicNetworkAccess"},
		"ip rule":                  {`{"properties":{"inboundIpRules":[{"ipMask":"10.0.0.0/8","action":"Allow"},{"ipMask":"fd00::/8","action":"allow"}]}}`, ""},
		"ip mask":                  {`{"properties":{"inboundIpRules":[{"ipMask":"ten","action":"Allow"}]}}`, "properties.inboundIpRules[0].ipMask"},
		"ip action":                {`{"properties":{"inboundIpRules":[{"ipMask":"10.0.0.0/8","action":"Deny"}]}}`, "properties.inboundIpRules[0].action"},
		"too many ip rules":        {`{"properties":{"inboundIpRules":[` + strings.TrimSuffix(repeat(17, `{"ipMask":"10.0.%d.0/24"},`), ",") + `]}}`, "properties.inboundIpRules"},
		"tls 1.2":                  {`{"properties":{"minimumTlsVersionAllowed":"1.2"}}`, ""},
		"tls 1.1":                  {`{"properties":{"minimumTlsVersionAllowed":"1.1"}}`, "properties.minimumTlsVersionAllowed"},
		"zone, as it is":           {`{"properties":{"isZoneRedundant":true}}`, ""},
		"zone, changed":            {`{"properties":{"isZoneRedundant":false}}`, "properties.isZoneRedundant"},
		"read-only members":        {`{"properties":{"provisioningState":"Failed","topicsConfiguration":{"hostname":"x"},"privateEndpointConnections":[]},"systemData":{"createdBy":"x"}}`, ""},
		"state":                    {spaces(`{"state":"enabled"}`), ""},
		"state unknown":            {spaces(`{"state":"On"}`), "properties.topicSpacesConfiguration.state"},
		"expiry 8":                 {spaces(`{"maximumSessionExpiryInHours":8}`), ""},
		"expiry 9":                 {spaces(`{"maximumSessionExpiryInHours":9}`), "properties.topicSpacesConfiguration.maximumSessionExpiryInHours"},
		"sessions 100":             {spaces(`{"maximumClientSessionsPerAuthenticationName":100}`), ""},
		"sessions 101":             {spaces(`{"maximumClientSessionsPerAuthenticationName":101}`), "properties.topicSpacesConfiguration.maximumClientSessionsPerAuthenticationName"},
		"route to nowhere":         {spaces(`{"routeTopicResourceId":"` + plant + `/topics/t-1"}`), "properties.topicSpacesConfiguration.routeTopicResourceId"},
		"route to no custom topic": {spaces(`{"routeTopicResourceId":"` + base + `/topics/t-1"}`), "properties.topicSpacesConfiguration.routeTopicResourceId"},
		"routing identity":         {`{` + system + `"properties":{"topicSpacesConfiguration":{"routingIdentityInfo":{"type":"SystemAssigned"}}}}`, ""},
		"routing identity missing": {spaces(`{"routingIdentityInfo":{"type":"SystemAssigned"}}`), "properties.topicSpacesConfiguration.routingIdentityInfo.type"},
		"routing user identity":    {spaces(`{"routingIdentityInfo":{"type":"UserAssigned"}}`), "properties.topicSpacesConfiguration.routingIdentityInfo.userAssignedIdentity"},
		"enrichments":              {spaces(`{"routingEnrichments":{"static":[{"key":"a1","value":"v","valueType":"string"}],"dynamic":[{"key":"b","value":"${client.authenticationName}"}]}}`), ""},
		"enrichment twice":         {spaces(`{"routingEnrichments":{"static":[{"key":"a","value":"v","valueType":"String"}],"dynamic":[{"key":"a","value":"v"}]}}`), "properties.topicSpacesConfiguration.routingEnrichments.dynamic[0].key"},
		"enrichment upper case":    {spaces(`{"routingEnrichments":{"dynamic":[{"key":"A","value":"v"}]}}`), "properties.topicSpacesConfiguration.routingEnrichments.dynamic[0].key"},
		"enrichment reserved":      {spaces(`{"routingEnrichments":{"dynamic":[{"key":"subject","value":"v"}]}}`), "properties.topicSpacesConfiguration.routingEnrichments.dynamic[0].key"},
		"enrichment azsp":          {spaces(`{"routingEnrichments":{"dynamic":[{"key":"azspx","value":"v"}]}}`), "properties.topicSpacesConfiguration.routingEnrichments.dynamic[0].key"},
		"enrichment too long":      {spaces(`{"routingEnrichments":{"dynamic":[{"key":"` + strings.Repeat("a", 21) + `","value":"v"}]}}`), "properties.topicSpacesConfiguration.routingEnrichments.dynamic[0].key"},
		"enrichment value":         {spaces(`{"routingEnrichments":{"dynamic":[{"key":"a","value":"` + strings.Repeat("a", 129) + `"}]}}`), "properties.topicSpacesConfiguration.routingEnrichments.dynamic[0].value"},
		"enrichment type":          {spaces(`{"routingEnrichments":{"static":[{"key":"a","value":"v"}]}}`), "properties.topicSpacesConfiguration.routingEnrichments.static[0].valueType"},
		"too many enrichments":     {spaces(`{"routingEnrichments":{"dynamic":[` + strings.TrimSuffix(repeat(21, `{"key":"k%d","value":"v"},`), ",") + `]}}`), "properties.topicSpacesConfiguration.routingEnrichments.dynamic"},
		"name sources":             {spaces(`{"clientAuthentication":{"alternativeAuthenticationNameSources":["clientcertificatedns","ClientCertificateSubject"]}}`), ""},
		"name source unknown":      {spaces(`{"clientAuthentication":{"alternativeAuthenticationNameSources":["Subject"]}}`), "properties.topicSpacesConfiguration.clientAuthentication.alternativeAuthenticationNameSources"},
		"jwt without certificate":  {spaces(`{"clientAuthentication":{"customJwtAuthentication":{"tokenIssuer":"x"}}}`), "properties.topicSpacesConfiguration.clientAuthentication.customJwtAuthentication.encodedIssuerCertificates"},
		"jwt":                      {spaces(`{"clientAuthentication":{"customJwtAuthentication":{"tokenIssuer":"x","encodedIssuerCertificates":[{"kid":"k","encodedCertificate":` + quote(rsaCertificate) + `}]}}}`), ""},
		"jwt without kid": {spaces(`{"clientAuthentication":{"customJwtAuthentication":{"tokenIssuer":"x","encodedIssuerCertificates":[{"encodedCertificate":` + quote(rsaCertificate) + `}]}}}`),
			"properties.topicSpacesConfiguration.clientAuthentication.customJwtAuthentication.encodedIssuerCertificates[0].kid"},
		"webhook": {`{` + system + `"properties":{"topicSpacesConfiguration":{"clientAuthentication":{"webHookAuthentication":{"identity":{"type":"SystemAssigned"},"endpointUrl":"https://a.example/x?code=1","azureActiveDirectoryApplicationIdOrUri":"api://a/.default","azureActiveDirectoryTenantId":"t"}}}}}`, ""},
		"webhook without identity": {spaces(`{"clientAuthentication":{"webhookAuthentication":{"endpointUrl":"https://a.example/x","azureActiveDirectoryApplicationIdOrUri":"api://a","azureActiveDirectoryTenantId":"t"}}}`),
			"properties.topicSpacesConfiguration.clientAuthentication.webhookAuthentication.identity.type"},
		"webhook of no identity": {spaces(`{"clientAuthentication":{"webhookAuthentication":{"identity":{"type":"SystemAssigned"},"endpointUrl":"https://a.example/x","azureActiveDirectoryApplicationIdOrUri":"api://a","azureActiveDirectoryTenantId":"t"}}}`),
			"properties.topicSpacesConfiguration.clientAuthentication.webhookAuthentication.identity.type"},
		"domain":                {spaces(`{"customDomains":[{"fullyQualifiedDomainName":"MQTT.plant.example"}]}`), ""},
		"domain is no name":     {spaces(`{"customDomains":[{"fullyQualifiedDomainName":"x y"}]}`), "properties.topicSpacesConfiguration.customDomains[0].fullyQualifiedDomainName"},
		"domain missing":        {spaces(`{"customDomains":[{}]}`), "properties.topicSpacesConfiguration.customDomains[0].fullyQualifiedDomainName"},
		"domain twice":          {spaces(`{"customDomains":[{"fullyQualifiedDomainName":"a.b"},{"fullyQualifiedDomainName":"A.b"}]}`), "properties.topicSpacesConfiguration.customDomains[1].fullyQualifiedDomainName"},
		"domain is built in":    {spaces(`{"customDomains":[{"fullyQualifiedDomainName":"x.mq.test"}]}`), "properties.topicSpacesConfiguration.customDomains[0].fullyQualifiedDomainName"},
		"domain's identity":     {spaces(`{"customDomains":[{"fullyQualifiedDomainName":"a.b","identity":{"type":"SystemAssigned"}}]}`), "properties.topicSpacesConfiguration.customDomains[0].identity.type"},
		"domain of both hosts":  {`{"properties":{"topicSpacesConfiguration":{"customDomains":[{"fullyQualifiedDomainName":"a.b"}]},"topicsConfiguration":{"customDomains":[{"fullyQualifiedDomainName":"a.b"}]}}}`, "properties.topicsConfiguration.customDomains"},
		"domain of a neighbour": {spaces(`{"customDomains":[{"fullyQualifiedDomainName":"taken.example"}]}`), "properties.topicSpacesConfiguration.customDomains"},
		"host of a neighbour":   {`{"properties":{"gridmq":{"profile":"azure","hosts":["taken.example"]}}}`, "properties.gridmq.hosts"},
		"profile unknown":       {`{"properties":{"gridmq":{"profile":"aws"}}}`, "properties.gridmq.profile"},
		"rates":                 {`{"properties":{"gridmq":{"profile":"azure","rateLimits":{"publishes":1000}}}}`, ""},
		"rate 0":                {`{"properties":{"gridmq":{"rateLimits":{"publishes":0}}}}`, "properties.gridmq.rateLimits.publishes"},
		"limits no object":      {`{"properties":{"gridmq":{"limits":[1]}}}`, "properties.gridmq.limits"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.must(201, "PUT "+plant, `{"location":"local","properties":{"gridmq":{"profile":"azure"}}}`)
			b.must(201, "PUT "+base+"/namespaces/neighbour", `{"properties":{"topicSpacesConfiguration":{"customDomains":[{"fullyQualifiedDomainName":"taken.example"}]}}}`)
			before := b.must(200, "GET "+plant, "").text
			a := b.do("PUT "+plant, tt.body)
			if tt.target == "" {
				if a.status != 200 {
					t.Fatalf("%d %s", a.status, a.text)
				}
				checkRoundTrip(t, b, plant)
				return
			}
			targets := []string{number(a.at("error.target"))}
			if list, ok := a.at("error.details").([]any); ok {
				for _, d := range list {
					targets = append(targets, number(d.(map[string]any)["target"]))
				}
			}
			if a.status != 400 && a.status != 409 || !slices.Contains(targets, tt.target) {
				t.Errorf("%d about %q, want 400 about %q: %s", a.status, targets, tt.target, a.text)
			}
			if after := b.must(200, "GET "+plant, "").text; after != before {
				t.Errorf("it was changed: %s", after)
			}
		})
	}
}

func repeat(n int, format string) string {
	var s strings.Builder
	for i := range n {
		s.WriteString(strings.ReplaceAll(format, "%d", number(i)))
	}
	return s.String()
}

// GET followed by PUT of the whole body changes nothing but the date, in any version.
func checkRoundTrip(t *testing.T, b *bench, id string) {
	t.Helper()
	first := b.must(200, "GET "+id, "")
	stored := b.documents("c/")
	for _, version := range []string{control.Newest, "2025-02-15", "2023-06-01-preview"} {
		again := b.must(200, "PUT "+id+"?api-version="+version, first.text)
		for _, member := range []string{"properties", "tags", "identity", "sku", "location"} {
			if quote(first.at(member)) != quote(again.at(member)) {
				t.Errorf("%s, %s: %s became %s", version, member, quote(first.at(member)), quote(again.at(member)))
			}
		}
	}
	if after := b.documents("c/"); len(after) != len(stored) {
		t.Errorf("%d documents became %d", len(stored), len(after))
	}
}

func TestNames(t *testing.T) {
	tests := map[string]struct {
		path string
		ok   bool
	}{
		"namespace, 3":           {base + "/namespaces/abc", true},
		"namespace, 2":           {base + "/namespaces/ab", false},
		"namespace, 50":          {base + "/namespaces/" + strings.Repeat("a", 50), true},
		"namespace, 51":          {base + "/namespaces/" + strings.Repeat("a", 51), false},
		"namespace, underscore":  {base + "/namespaces/a_b", false},
		"namespace, Microsoft":   {base + "/namespaces/MicrosoftX", false},
		"namespace, system":      {base + "/namespaces/systemx", false},
		"namespace, eventgrid":   {base + "/namespaces/eventGrid1", false},
		"client, 1":              {plant + "/clients/a", true},
		"client, all characters": {plant + "/clients/aZ0-:._", true},
		"client, 128":            {plant + "/clients/" + strings.Repeat("a", 128), true},
		"client, 129":            {plant + "/clients/" + strings.Repeat("a", 129), false},
		"client, space":          {plant + "/clients/a%20b", false},
		"client, not ASCII":      {plant + "/clients/%C3%A4", false},
		"group, 2":               {plant + "/clientGroups/ab", false},
		"group, 50":              {plant + "/clientGroups/" + strings.Repeat("a", 50), true},
		"group, point":           {plant + "/clientGroups/a.b", false},
		"group, $all":            {plant + "/clientGroups/$all", false},
		"space, 51":              {plant + "/topicSpaces/" + strings.Repeat("a", 51), false},
		"binding, slash":         {plant + "/permissionBindings/a%2Fb", false},
		"CA, 2":                  {plant + "/caCertificates/ca", false},
		"resource group":         {"/subscriptions/sub/resourcegroups/a_-.(b)", true},
		"resource group, point":  {"/subscriptions/sub/resourcegroups/ab.", false},
		"resource group, 91":     {"/subscriptions/sub/resourcegroups/" + strings.Repeat("a", 91), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.furnish()
			body := groupBody
			switch {
			case strings.Contains(tt.path, "topicSpaces"):
				body = spaceBody
			case strings.Contains(tt.path, "Bindings"):
				body = bindingBody
			case strings.Contains(tt.path, "Certificates"):
				body = caBody(authority("x"))
			}
			a := b.do("PUT "+tt.path, body)
			if ok := a.status == 201; ok != tt.ok || !tt.ok && a.status != 400 && a.status != 404 {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
}
