package control_test

import (
	"fmt"
	"strings"
	"testing"
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
