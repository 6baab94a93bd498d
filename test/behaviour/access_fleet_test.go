package behaviour

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	manage "gridmq/control/client"
	"gridmq/internal/authority"
	"gridmq/server"
)

// A fleet is a namespace with clients that show certificates. An operator has made
// it at the management plane, over HTTPS, and changes it there.
type fleet struct {
	*env
	ns     string
	plane  *manage.Client
	ca     *authority.Authority       // registered as "fleet-ca"
	badges map[string]*authority.Pair // by client name
	probes map[string]*client         // see may
	move   *move                      // nil: it stays where it was made
}

// fleetDomain makes each namespace reachable as <namespace>.fleet.test.
const fleetDomain = "fleet.test"

// secured runs a behaviour with a fleet, for 3.1.1 and 5, over TLS and WSS, on both
// stores: two rows that differ in everything, chosen by the behaviour's name. The
// brokers are shared, the namespaces are not. Then once more with a namespace that was
// exported and imported.
func secured(t *testing.T, body func(f *fleet)) {
	securedHere(t, body)
	imported(t, body, v3, v5)
}

// securedHere is for what is about more than one namespace, or about what is no resource
// and stays where it is.
func securedHere(t *testing.T, body func(f *fleet)) {
	run(t, atSharedBroker(body), securedRows(t.Name(), v3, v5))
}

// securedFive is for what only MQTT 5 has.
func securedFive(t *testing.T, body func(f *fleet)) {
	run(t, atSharedBroker(body), securedRows(t.Name(), v5))
	imported(t, body, v5)
}

// securedOwn is secured with brokers that the body may restart.
func securedOwn(t *testing.T, body func(f *fleet), settings ...string) {
	run(t, func(e *env) {
		e.own(append(fleetSettings(), settings...)...)
		body(newFleet(e))
	}, securedRows(t.Name(), v3, v5))
}

func atSharedBroker(body func(f *fleet)) func(e *env) {
	return func(e *env) {
		h, err := fleetHouse(e.engine)
		if err != nil {
			e.Fatalf("start the broker: %v", err)
		}
		e.house = h
		body(newFleet(e))
	}
}

func securedRows(name string, versions ...int) []row {
	h := fnv.New32a()
	h.Write([]byte(name))
	turn := int(h.Sum32() >> 8)
	list := make([]row, 2)
	for i := range list {
		list[i] = row{versions[i%len(versions)], []string{"tls", "wss"}[(i+turn)%2], []string{"memory", "pebble"}[(i+turn/2)%2]}
	}
	return list
}

// fleetSettings: clients here are refused often, from one address; and a name that
// leads nowhere must not lead into the namespace that allows everything.
func fleetSettings() []string {
	return []string{"domain=" + fleetDomain, "refusals.per_second=0", "listeners.mqtts.namespace=default", "listeners.wss.namespace=default"}
}

// fleetHouse is a broker that fleets share.
func fleetHouse(engine string) (*house, error) {
	key := engine + ", with fleets"
	shared.Lock()
	defer shared.Unlock()
	if h := shared.houses[key]; h != nil {
		return h, nil
	}
	h, err := newHouse(engine, fleetSettings()...)
	if err == nil {
		shared.houses[key] = h
	}
	return h, err
}

// newFleet makes a namespace that trusts a CA and has no clients.
func newFleet(e *env) *fleet {
	e.Helper()
	f := &fleet{env: e, badges: map[string]*authority.Pair{}, probes: map[string]*client{}}
	f.ns = fmt.Sprintf("fleet-%d", runs.Add(1))
	f.ca = newAuthority(e, "fleet CA")
	f.plane = planeOf(e)
	f.configure(nil)
	f.trust("fleet-ca", f.ca)
	return f
}

// newAuthority makes a CA.
func newAuthority(e *env, name string) *authority.Authority {
	e.Helper()
	ca, err := authority.NewCA(authority.CAOptions{Name: name, Below: 1})
	if err != nil {
		e.Fatal(err)
	}
	return ca
}

// planeOf is the management plane of a broker, for its local operator.
func planeOf(e *env) *manage.Client {
	e.Helper()
	token, err := os.ReadFile(filepath.Join(e.house.dir, "data", server.TokenFile))
	if err != nil {
		e.Fatal(err)
	}
	ca, err := localCA()
	if err != nil {
		e.Fatal(err)
	}
	trust, err := os.ReadFile(ca.CertFile)
	if err != nil {
		e.Fatal(err)
	}
	plane, err := manage.New(manage.Options{URL: e.house.addresses["management"].URL, Token: strings.TrimSpace(string(token)), CA: trust})
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(plane.Close)
	return plane
}

// object is JSON to be.
type object map[string]any

func jsonOf(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // ours
	}
	return b
}

// configure makes the namespace, or changes members of topicSpacesConfiguration and
// (with "gridmq") of ours.
func (f *fleet) configure(change object) {
	f.Helper()
	config := object{"state": "Enabled", "clientAuthentication": object{"alternativeAuthenticationNameSources": []string{"ClientCertificateSubject"}}}
	properties := object{"topicSpacesConfiguration": config}
	for name, v := range change {
		if name == "gridmq" {
			properties[name] = v
		} else {
			config[name] = v
		}
	}
	f.put(object{"location": "local", "properties": properties})
}

var fleets manage.Place

// put makes or replaces a resource: pairs of a collection and a name below the
// namespace, or the namespace itself.
func (f *fleet) put(body object, below ...string) {
	f.Helper()
	if err := f.tryPut(body, below...); err != nil {
		f.Fatalf("PUT %s %v: %v", f.ns, below, err)
	}
}

func (f *fleet) tryPut(body object, below ...string) error {
	f.follow()
	_, _, _, err := f.plane.Put(f.Context(), fleets.ID(f.ns, below...), jsonOf(body), manage.Condition{})
	return err
}

func (f *fleet) remove(below ...string) {
	f.Helper()
	f.follow()
	existed, err := f.plane.Delete(f.Context(), fleets.ID(f.ns, below...), manage.Condition{})
	if err != nil || !existed {
		f.Fatalf("DELETE %s %v: existed %t, %v", f.ns, below, existed, err)
	}
}

// trust registers a CA.
func (f *fleet) trust(name string, ca *authority.Authority) {
	f.Helper()
	f.put(object{"properties": object{"encodedCertificate": string(ca.CertificatePEM())}}, "caCertificates", name)
}

// client puts a client into the registry, or changes it: its name is its
// authentication name, and is in the subject of its certificate, which the CA signs.
func (f *fleet) client(name string, attributes object) {
	f.Helper()
	f.register(name, object{"attributes": attributes})
	if f.badges[name] == nil {
		f.issue(name, authority.LeafOptions{Name: name})
	}
}

// register puts a client into the registry with properties of any kind.
func (f *fleet) register(name string, properties object) {
	f.Helper()
	f.put(object{"properties": properties}, "clients", name)
}

// issue makes the certificate that a client shows from now on.
func (f *fleet) issue(name string, o authority.LeafOptions) {
	f.Helper()
	pair, err := f.ca.NewClient(o)
	if err != nil {
		f.Fatal(err)
	}
	f.badges[name] = pair
}

// authorityLeaf is a certificate with a common name.
func authorityLeaf(name string) authority.LeafOptions { return authority.LeafOptions{Name: name} }

// issueSelfSigned makes one that nobody has signed, and returns its thumbprint.
func (f *fleet) issueSelfSigned(name string) (thumbprint string) {
	f.Helper()
	alone, err := authority.NewCA(authority.CAOptions{Name: name})
	if err != nil {
		f.Fatal(err)
	}
	f.badges[name] = &alone.Pair
	return authority.Thumbprint(alone.Certificate)
}

func (f *fleet) clientGroup(name, query string) {
	f.Helper()
	f.put(object{"properties": object{"query": query}}, "clientGroups", name)
}

func (f *fleet) topicSpace(name string, templates ...string) {
	f.Helper()
	f.put(object{"properties": object{"topicTemplates": templates}}, "topicSpaces", name)
}

// bind lets a client group ("$all": everybody) publish or subscribe in a topic space.
func (f *fleet) bind(group, permission, space string) {
	f.Helper()
	f.put(object{"properties": object{"clientGroupName": group, "permission": permission, "topicSpaceName": space}},
		"permissionBindings", bindingName(group, permission, space))
}

func (f *fleet) unbind(group, permission, space string) {
	f.Helper()
	f.remove("permissionBindings", bindingName(group, permission, space))
}

func bindingName(group, permission, space string) string {
	return strings.TrimPrefix(group, "$") + "-" + permission + "-" + space
}
