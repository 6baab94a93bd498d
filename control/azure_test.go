package control_test

import (
	"fmt"
	"strings"
	"testing"

	"gridmq/control"
	"gridmq/control/resource"
)

const azureBody = `{"location":"local","properties":{"gridmq":{"profile":"azure"}}}`

// 50 namespaces of a subscription and region: spec/control-plane.md, section 4.11. Those
// of profile standard do not count.
func TestAzureNamespaces(t *testing.T) {
	b := newBench(t, nil)
	path := func(name string) string { return "PUT " + base + "/namespaces/" + name }
	for i := range 50 {
		b.must(201, path(fmt.Sprint("azure-", i)), azureBody)
	}
	refused := func(what, request, body string) {
		t.Helper()
		if a := b.do(request, body); a.status != 409 || a.code() != "QuotaExceeded" {
			t.Errorf("%s: %d %s, want 409 QuotaExceeded", what, a.status, a.text)
		}
	}
	refused("the 51st", path("more"), azureBody)
	refused("the 51st, in another spelling", path("more"), strings.Replace(azureBody, `"local"`, `"LOCAL"`, 1))
	b.must(201, path("more"), `{"location":"local"}`)
	refused("one that becomes azure", path("more"), azureBody)
	b.must(200, path("azure-7"), azureBody)
	b.must(201, path("elsewhere"), strings.Replace(azureBody, `"local"`, `"westeurope"`, 1))
	b.must(201, strings.Replace(path("other"), "/subscriptions/sub/", "/subscriptions/sub2/", 1), azureBody)
	b.must(200, "DELETE "+base+"/namespaces/azure-7", "")
	b.must(200, path("more"), azureBody)
	refused("one more after that", path("azure-7"), azureBody)
}

// The counts of spec/control-plane.md, section 4.11, below a namespace.
func TestAzureCounts(t *testing.T) {
	body := map[string]func(i int) string{
		"clientGroups":       func(int) string { return groupBody },
		"topicSpaces":        func(int) string { return spaceBody },
		"permissionBindings": func(int) string { return bindingBody },
		"caCertificates":     func(i int) string { return caBody(authority(fmt.Sprint("ca ", i))) },
	}
	for kind, most := range map[string]int{"clientGroups": 10, "topicSpaces": 10, "permissionBindings": 100, "caCertificates": 10} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t, nil)
			b.must(201, "PUT "+plant, azureBody)
			if kind == "permissionBindings" {
				b.must(201, "PUT "+plant+"/clientGroups/presses", groupBody)
				b.must(201, "PUT "+plant+"/topicSpaces/telemetry", spaceBody)
			}
			for i := range most {
				b.must(201, fmt.Sprintf("PUT %s/%s/one-%d", plant, kind, i), body[kind](i))
			}
			if a := b.do("PUT "+plant+"/"+kind+"/one-more", body[kind](most)); a.status != 409 || a.code() != "QuotaExceeded" {
				t.Errorf("number %d: %d %s, want 409 QuotaExceeded", most+1, a.status, a.text)
			}
			b.must(200, "PATCH "+plant, `{"properties":{"gridmq":{"profile":"standard"}}}`)
			b.must(201, "PUT "+plant+"/"+kind+"/one-more", body[kind](most))
		})
	}
}

// Clients and topics are counted per throughput unit; too many to make them all.
func TestAzureCountsPerThroughputUnit(t *testing.T) {
	b := newBench(t, nil)
	b.must(201, "PUT "+plant, strings.Replace(azureBody, "{", `{"sku":{"capacity":3},`, 1))
	set := b.plane.Resources()
	for kind, want := range map[string]int{"clients": 30_000, resource.Topics: 300, resource.Subscriptions: 500} {
		if got := control.Quota(set.Namespace("plant"), set.Kind(kind)); got != want {
			t.Errorf("%s: %d, want %d", kind, got, want)
		}
	}
}

// What a resource of profile azure may hold: one more than documented is refused with 400.
func TestAzureSizes(t *testing.T) {
	list := func(n int, item string) string { // %d in item is the number
		var all []string
		for i := range n {
			all = append(all, strings.ReplaceAll(item, "%d", fmt.Sprint(i)))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	spaces := func(value string) string {
		return `{"location":"local","properties":{"gridmq":{"profile":"azure"},"topicSpacesConfiguration":{` + value + `}}}`
	}
	child := func(value string) string { return `{"properties":{` + value + `}}` }
	enrichment := `{"key":"k%d","value":"v","valueType":"String"}`
	key := func(n int) string {
		return `"routingEnrichments":{"static":[{"key":"` + strings.Repeat("k", n) + `","value":"v","valueType":"String"}]}`
	}
	value := func(n int) string {
		return `"routingEnrichments":{"static":[{"key":"k","value":"` + strings.Repeat("v", n) + `","valueType":"String"}]}`
	}
	attributes := func(n int) string { // {"a":"..."} has n bytes
		return `"attributes":{"a":"` + strings.Repeat("x", n-8) + `"}`
	}
	thumb := `"` + strings.Repeat("a%d", 32) + `"`
	thumbs := func(n int) string {
		return `"clientCertificateAuthentication":{"validationScheme":"ThumbprintMatch","allowedThumbprints":` + list(n, thumb) + `}`
	}
	top := func(s string) string {
		return `{"location":"local",` + s + `,"properties":{"gridmq":{"profile":"azure"}}}`
	}
	rules := func(n int) string {
		return `{"location":"local","properties":{"gridmq":{"profile":"azure"},"inboundIpRules":` + list(n, `{"ipMask":"10.0.%d.0/24","action":"Allow"}`) + `}}`
	}
	for name, row := range map[string]struct{ path, good, bad string }{ // section
		"throughput units":                 {plant, top(`"sku":{"capacity":40}`), top(`"sku":{"capacity":41}`)},                                                                                     // limits 1
		"IP firewall rules":                {plant, rules(16), rules(17)},                                                                                                                           // limits 1
		"session expiry":                   {plant, spaces(`"maximumSessionExpiryInHours":8`), spaces(`"maximumSessionExpiryInHours":9`)},                                                           // limits 1
		"sessions per authentication name": {plant, spaces(`"maximumClientSessionsPerAuthenticationName":100`), spaces(`"maximumClientSessionsPerAuthenticationName":101`)},                         // limits 1
		"enrichments":                      {plant, spaces(`"routingEnrichments":{"static":` + list(20, enrichment) + `}`), spaces(`"routingEnrichments":{"static":` + list(21, enrichment) + `}`)}, // limits 1
		"enrichment key":                   {plant, spaces(key(20)), spaces(key(21))},                                                                                                               // limits 1
		"enrichment value":                 {plant, spaces(value(128)), spaces(value(129))},                                                                                                         // limits 1
		"client attributes":                {plant + "/clients/c", child(attributes(4095)), child(attributes(4096))},                                                                                // limits 1
		"thumbprints per client":           {plant + "/clients/c", child(thumbs(2)), child(thumbs(3))},                                                                                              // limits 1
		"client name":                      {plant + "/clients/" + strings.Repeat("c", 128), `{}`, ""},                                                                                              // control 4.11
		"topic templates per topic space":  {plant + "/topicSpaces/one", child(`"topicTemplates":` + list(10, `"t/%d"`)), child(`"topicTemplates":` + list(11, `"t/%d"`))},                          // limits 1
		"event retention":                  {plant + "/topics/one", child(`"eventRetentionInDays":7`), child(`"eventRetentionInDays":8`)},                                                           // topics 7
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			if row.path != plant {
				b.must(201, "PUT "+plant, azureBody)
			}
			if row.bad != "" {
				if a := b.do("PUT "+row.path, row.bad); a.status != 400 {
					t.Errorf("one too many: %d %s, want 400", a.status, a.text)
				}
			} else if a := b.do("PUT "+row.path+"c", row.good); a.status != 400 {
				t.Errorf("a longer name: %d %s, want 400", a.status, a.text)
			}
			b.must(201, "PUT "+row.path, row.good)
		})
	}
}
