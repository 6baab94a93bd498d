package resource_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gridmq/control/namespace"
	"gridmq/control/resource"
	"gridmq/identity"
	"gridmq/store"
	"gridmq/store/memory"
)

// names that each kind accepts.
var goodNames = map[string]string{resource.Namespaces: "plant", resource.RoleAssignments: "a-1", resource.ResourceGroups: "rg"}

var seeds = []string{
	`{}`, groupBody, spaceBody, bindingBody,
	`{"properties":{"authenticationName":"Straße","state":"disabled","attributes":{"a":1,"b":["x"],"c":true},"gridmq":{"password":"p"}}}`,
	`{"properties":{"clientCertificateAuthentication":{"validationScheme":"thumbprintmatch","allowedThumbprints":["AA:BB"]}}}`,
	`{"location":"x","tags":{"a":"b"},"sku":{"capacity":3},"identity":{"type":"UserAssigned","userAssignedIdentities":{"/a":{}}},
	  "properties":{"publicNetworkAccess":"Disabled","inboundIpRules":[{"ipMask":"::1","action":"Allow"}],"isZoneRedundant":false,
	  "topicsConfiguration":{"customDomains":[{"fullyQualifiedDomainName":"x.example","identity":{"type":"UserAssigned","userAssignedIdentity":"/A"}}]},
	  "topicSpacesConfiguration":{"state":"Enabled","maximumSessionExpiryInHours":5,"routingIdentityInfo":{"type":"None"},
	    "routingEnrichments":{"static":[{"key":"a","value":"b","valueType":"String"}],"dynamic":[{"key":"c","value":"d"}]},
	    "clientAuthentication":{"alternativeAuthenticationNameSources":["ClientCertificateUri"],
	      "webhookAuthentication":{"endpointUrl":"https://a.example/?x"}}},
	  "gridmq":{"profile":"standard","limits":{"a":1},"hosts":["h.example"],"passwords":{"enabled":true},"registerOnFirstConnect":{"caCertificates":["ca-1"]},
	    "customJwtAuthentication":{"issuers":[{"issuer":"https://i.example","DISCOVERY":true}],"clockSkewInSeconds":0},
	    "directoryAuthentication":{"issuers":[{"issuer":"https://d.example","jwksUrl":"https://d.example/keys"}]},
	    "webhookAuthentication":{"credential":{"type":"bearer","secret":"s","hasSecret":true},"timeoutInSeconds":3},
	    "rateLimits":{"connects":5}}}}`,
	`{"properties":{"roleDefinitionId":"acdd72a7-3385-48ef-bd42-f606fba81ae7","principalId":"p","principalType":"Group"}}`,
	`{"properties":{"role":"Owner","scope":"subscriptions/x/","tokenHash":"` + strings.Repeat("0A", 32) + `"}}`,
	`{"properties":{"clientId":"c","address":"10.1.2.3/8","expires":"2026-03-02T07:41:09.5+01:00","reason":"r"}}`,
	`{"properties":{"destination":{"endpointType":"WebHook","properties":{"endpointUrl":"https://a.example/topics/t:publish?k=v","maxEventsPerBatch":7,
	  "deliveryAttributeMappings":[{"name":"aeg-sas-key","type":"Static","properties":{"value":"v","isSecret":true}}]}},
	  "filter":{"subjectBeginsWith":"A","subjectEndsWith":"b","includedEventTypes":["x"],"isSubjectCaseSensitive":false,
	    "advancedFilters":[{"operatorType":"NumberIn","key":"data.n","values":[1,2]},{"operatorType":"StringIn","key":"eventType","values":["y"]}]},
	  "retryPolicy":{"maxDeliveryAttempts":3,"EventTimeToLiveInMinutes":60},"labels":["l"],"expirationTimeUtc":"2099-01-01T00:00:00Z",
	  "deadLetterDestination":{"endpointType":"StorageBlob","properties":{"blobContainerName":"dead","resourceId":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/letters"}},
	  "gridmq":{"forward":true}}}`,
	`{"location":"x","kind":"Azure","properties":{"inputSchema":"EventGridSchema","disableLocalAuth":true}}`,
	`{"properties":{"encodedCertificate":"` + testCA + `","description":"d"}}`,
}

// What a request makes is stored, loaded and shown without changing; what is shown
// is accepted as a request (but for secrets, which are filled in).
func checkKind(t *testing.T, k *resource.Kind, body []byte) (accepted bool) {
	name := goodNames[k.Name]
	if name == "" {
		name = "abc"
	}
	noun, err := k.Decode(name, body)
	if err != nil {
		if _, ok := errors.AsType[*identity.FieldError](err); !ok {
			t.Errorf("%s: %v is about no field", k.Name, err)
		}
		return false
	}
	if k.Replaces != nil {
		if err := k.Replaces(noun, nil); err != nil {
			return false
		}
	}
	stored := k.Stored(noun)
	loaded, err := k.Load(name, stored)
	if err != nil {
		t.Fatalf("%s: %s becomes %s, which cannot be loaded: %v", k.Name, body, stored, err)
	}
	if again := k.Stored(loaded); !bytes.Equal(again, stored) {
		t.Fatalf("%s: %s is loaded as %s", k.Name, stored, again)
	}
	if !bytes.Equal(k.Shown(loaded), k.Shown(noun)) {
		t.Fatalf("%s: %s is shown as %s once loaded", k.Name, k.Shown(noun), k.Shown(loaded))
	}
	return true
}

func TestKinds(t *testing.T) {
	accepted := map[string]bool{}
	for _, k := range resource.Kinds(resource.Rules{}) {
		for _, body := range seeds {
			if checkKind(t, k, []byte(body)) {
				accepted[k.Name] = true
			}
		}
		if !accepted[k.Name] {
			t.Errorf("no seed is accepted as %s", k.Name)
		}
	}
	n, err := namespace.Read("plant", []byte(seeds[6]), namespace.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if n.Capacity != 3 || n.SessionExpiryHours != 5 || len(n.Tokens.Issuers) != 1 || len(n.Directory.Issuers) != 1 ||
		!n.Hook.Configured || n.Hook.Secret.Value != "s" || n.GridMQ.Enrolment.CAs[0] != "ca-1" || n.GridMQ.Rates["connects"] != 5 ||
		!n.Network.Inbound[0].IsValid() || !n.HasHost("H.example.") || n.HasHost("x.example") {
		t.Errorf("%+v", n)
	}
	for _, text := range []string{fmt.Sprint(n.Keys), fmt.Sprintf("%#v", n.Keys), fmt.Sprintf("%+v", n.Keys)} {
		if text != "[keys]" {
			t.Errorf("keys print as %s", text)
		}
	}
}

func FuzzKinds(f *testing.F) {
	kinds := resource.Kinds(resource.Rules{})
	for i := range kinds {
		for _, body := range seeds {
			f.Add(i, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, which int, body []byte) {
		if bytes.Contains(bytes.ToLower(body), []byte("password")) { // 20 ms each
			return
		}
		checkKind(t, kinds[uint(which)%uint(len(kinds))], body)
	})
}

// A document that is not understood is left out, and a PUT replaces it.
func TestBrokenDocument(t *testing.T) {
	s := memory.New(memory.Options{})
	defer s.Close()
	x := open(t, s, nil)
	x.must(t, "namespaces/plant", `{}`)
	x.Close()
	for _, text := range []string{`{`, `{"v":9,"name":"broken","body":{}}`, `{"v":1,"name":"other","body":{}}`, `{"v":1,"name":"broken","body":{"properties":{"state":"x"}}}`} {
		var b store.Batch
		b.Put([]byte("c/plant/clients/broken"), []byte(text))
		if _, err := s.Commit(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		x = open(t, s, nil)
		if r := x.Get(resource.NewKey("plant", x.Kind("clients"), "broken")); r != nil {
			t.Errorf("%s is taken for %+v", text, r)
		}
		x.must(t, "clients/broken", `{}`)
		if r := x.Get(resource.NewKey("plant", x.Kind("clients"), "broken")); r == nil {
			t.Errorf("%s was not replaced", text)
		}
		x.Close()
	}
}
