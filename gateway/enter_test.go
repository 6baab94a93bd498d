package gateway

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"gridmq/access"
	"gridmq/delivery/sharedkey"
	"gridmq/identity"
)

// A directory knows two tokens and the roles of their owners.
type directory struct{ roles []*access.RoleAssignment }

func (d directory) Verify(_ context.Context, namespace string, token []byte) (*identity.Principal, error) {
	switch string(token) {
	case "ann":
		return &identity.Principal{Object: "ann", Method: identity.DirectoryToken, Groups: []string{"team"}}, nil
	case "old":
		return &identity.Principal{Object: "ann", Method: identity.DirectoryToken, Expires: time.Now()}, nil
	case "unknown":
		return nil, &identity.Error{Kind: identity.Unavailable, Reason: "no keys"}
	case "many":
		return nil, &identity.Error{Kind: identity.Overloaded, Reason: "too many"}
	}
	return nil, &identity.Error{Kind: identity.NotAuthorized, Reason: "the token of " + namespace + " is not signed"}
}

func (d directory) May(who *identity.Principal, _, action, scope string) bool {
	for _, r := range d.roles {
		if r.Allows(who, action, scope) {
			return true
		}
	}
	return false
}

func makeToken(key, resource string, expires time.Time) string {
	signed := "r=" + url.QueryEscape(resource) + "&e=" + url.QueryEscape(expires.UTC().Format("1/2/2006 3:04:05 PM"))
	secret, _ := base64.StdEncoding.DecodeString(key)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "&s=" + url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// Sections 4.1 to 4.5. path "" is publish.
func TestCredentials(t *testing.T) {
	h := newHouse(t)
	h.ns.Keys[1] = "ab+/" + h.ns.Keys[1][4:] // old keys may have them
	topicKey := h.ns.TopicKeys("orders")[1]
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-6*time.Minute)
	authorization := func(text string) []string { return []string{"Authorization", text} }
	sas := func(key, resource string) []string {
		return authorization("SharedAccessSignature " + makeToken(key, resource, soon))
	}
	role := func(role, scope string) *access.RoleAssignment {
		return &access.RoleAssignment{Principal: "team", Role: role, Scope: scope}
	}
	tests := map[string]struct {
		headers []string // names and values
		query   string
		path    string
		roles   []*access.RoleAssignment
		change  func(*Namespace)
		status  int
	}{
		"nothing":                  {status: 401},
		"key 1":                    {headers: authorization("SharedAccessKey " + h.ns.Keys[0]), status: 200},
		"key 2":                    {headers: authorization("SharedAccessKey " + h.ns.Keys[1]), status: 200},
		"scheme in lower case":     {headers: authorization("sharedaccesskey " + h.ns.Keys[0]), status: 200},
		"more spaces":              {headers: authorization("SharedAccessKey   " + h.ns.Keys[0]), status: 200},
		"another scheme":           {headers: authorization("Basic " + h.ns.Keys[0]), status: 401},
		"no scheme":                {headers: authorization(h.ns.Keys[0]), status: 401},
		"scheme alone":             {headers: authorization("SharedAccessKey"), status: 401},
		"part of a key":            {headers: authorization("SharedAccessKey " + h.ns.Keys[0][:63]), status: 401},
		"key of another":           {headers: authorization("SharedAccessKey " + h.other.Keys[0]), status: 401},
		"two headers":              {headers: append(authorization("SharedAccessKey "+h.ns.Keys[0]), authorization("SharedAccessKey "+h.ns.Keys[0])...), status: 401},
		"aeg-sas-key":              {headers: []string{"aeg-sas-key", h.ns.Keys[0]}, status: 200},
		"aeg-sas-key, wrong":       {headers: []string{"aeg-sas-key", "x"}, status: 401},
		"query":                    {query: "aeg-sas-key=" + url.QueryEscape(h.ns.Keys[1]), status: 200},
		"query, other case":        {query: "AEG-SAS-KEY=" + url.QueryEscape(h.ns.Keys[1]), status: 200},
		"query, plus not encoded":  {query: "aeg-sas-key=" + h.ns.Keys[1], status: 200},
		"query, wrong":             {query: "aeg-sas-key=x", status: 401},
		"query, empty":             {query: "aeg-sas-key=", status: 401},
		"query, bad escape":        {query: "aeg-sas-key=%zz", status: 401},
		"topic key":                {headers: authorization("SharedAccessKey " + topicKey), status: 200},
		"topic key to receive":     {headers: authorization("SharedAccessKey " + topicKey), path: ackPath, status: 200},
		"topic key elsewhere":      {headers: authorization("SharedAccessKey " + topicKey), path: "/topics/ordersx:publish?" + version, status: 401},
		"topic key, case":          {headers: authorization("SharedAccessKey " + topicKey), path: "/topics/ORDERS:publish?" + version, status: 200},
		"no keys":                  {headers: authorization("SharedAccessKey " + h.ns.Keys[0]), change: func(ns *Namespace) { ns.NoKeys = true }, status: 401},
		"no keys, no signature":    {headers: sas(h.ns.Keys[0], "https://plant.example"), change: func(ns *Namespace) { ns.NoKeys = true }, status: 401},
		"a namespace without keys": {headers: authorization("SharedAccessKey "), change: func(ns *Namespace) { ns.Keys, ns.TopicKeys = sharedkey.Keys{}, nil }, status: 401},
		"open":                     {change: func(ns *Namespace) { ns.Open = true }, status: 200},
		"order: header first":      {headers: append(authorization("SharedAccessKey x"), "aeg-sas-key", h.ns.Keys[0]), status: 401},
		"order: token before key":  {headers: []string{"aeg-sas-key", h.ns.Keys[0], "aeg-sas-token", "x"}, status: 401},
		"order: header before query": {headers: []string{"aeg-sas-key", "x"}, query: "aeg-sas-key=" + h.ns.Keys[0],
			status: 401},
		"order: good first": {headers: []string{"aeg-sas-key", h.ns.Keys[0]}, query: "aeg-sas-key=x", status: 200},

		"signature":                    {headers: sas(h.ns.Keys[0], "https://plant.example"), status: 200},
		"signature, second key":        {headers: sas(h.ns.Keys[1], "https://plant.example/"), status: 200},
		"signature, aeg-sas-token":     {headers: []string{"aeg-sas-token", makeToken(h.ns.Keys[0], "https://plant.example", soon)}, status: 200},
		"signature, other host":        {headers: sas(h.ns.Keys[0], "https://EVENTS.plant.example:443/topics/orders"), status: 200},
		"signature, strange host":      {headers: sas(h.ns.Keys[0], "https://maker.example/topics/orders"), status: 401},
		"signature, topic":             {headers: sas(h.ns.Keys[0], "https://plant.example/topics/Orders"), status: 200},
		"signature, topic by prefix":   {headers: sas(h.ns.Keys[0], "https://plant.example/ns/plant/topics/Orders"), status: 200},
		"signature, another prefix":    {headers: sas(h.ns.Keys[0], "https://plant.example/ns/maker/topics/Orders"), status: 401},
		"signature, topic key":         {headers: sas(topicKey, "https://plant.example/topics/orders"), status: 200},
		"signature, topic key, all":    {headers: sas(topicKey, "https://plant.example"), status: 401},
		"signature, topic's boundary":  {headers: sas(h.ns.Keys[0], "https://plant.example/topics/order"), status: 403},
		"signature, topic key, other":  {headers: sas(topicKey, "https://plant.example/topics/orders"), path: "/topics/other:publish?" + version, status: 403},
		"signature, subscription":      {headers: sas(h.ns.Keys[0], "https://plant.example/topics/orders/eventsubscriptions/billing"), path: ackPath, status: 200},
		"signature, its topic":         {headers: sas(h.ns.Keys[0], "https://plant.example/topics/orders/eventsubscriptions/billing"), status: 403},
		"signature, topic to its subs": {headers: sas(h.ns.Keys[0], "https://plant.example/topics/orders:publish"), path: ackPath, status: 200},
		"signature, key of another":    {headers: sas(h.other.Keys[0], "https://plant.example"), status: 401},
		"signature, expired":           {headers: authorization("SharedAccessSignature " + makeToken(h.ns.Keys[0], "https://plant.example", past)), status: 401},
		"signature, clock a bit off":   {headers: authorization("SharedAccessSignature " + makeToken(h.ns.Keys[0], "https://plant.example", past.Add(2*time.Minute))), status: 200},
		"signature, nonsense":          {headers: authorization("SharedAccessSignature x"), status: 401},

		"token without a role":        {headers: authorization("Bearer ann"), status: 403},
		"token, sender":               {headers: authorization("bearer ann"), roles: []*access.RoleAssignment{role(access.SenderRole, plantID)}, status: 200},
		"token, sender at the topic":  {headers: authorization("Bearer ann"), roles: []*access.RoleAssignment{role(access.SenderRole, plantID+"/topics/ORDERS")}, status: 200},
		"token, sender elsewhere":     {headers: authorization("Bearer ann"), roles: []*access.RoleAssignment{role(access.SenderRole, plantID+"/topics/order")}, status: 403},
		"token, sender to receive":    {headers: authorization("Bearer ann"), path: ackPath, roles: []*access.RoleAssignment{role(access.SenderRole, plantID)}, status: 403},
		"token, receiver":             {headers: authorization("Bearer ann"), path: ackPath, roles: []*access.RoleAssignment{role(access.ReceiverRole, "/subscriptions/s")}, status: 200},
		"token, receiver to publish":  {headers: authorization("Bearer ann"), roles: []*access.RoleAssignment{role(access.ReceiverRole, plantID)}, status: 403},
		"token, contributor":          {headers: authorization("Bearer ann"), path: ackPath, roles: []*access.RoleAssignment{role("1d8c3fe3-8864-474b-8749-01e3783e8157", plantID)}, status: 200},
		"token, MQTT publisher":       {headers: authorization("Bearer ann"), roles: []*access.RoleAssignment{role(access.PublisherRole, plantID)}, status: 403},
		"token, bad":                  {headers: authorization("Bearer x"), status: 401},
		"token, expired":              {headers: authorization("Bearer old"), status: 401},
		"token, nobody can tell":      {headers: authorization("Bearer unknown"), status: 503},
		"token, too many":             {headers: authorization("Bearer many"), status: 503},
		"token where keys are not":    {headers: authorization("Bearer ann"), roles: []*access.RoleAssignment{role(access.SenderRole, plantID)}, change: func(ns *Namespace) { ns.NoKeys = true }, status: 200},
		"a missing topic, 403 first":  {headers: authorization("Bearer ann"), path: "/topics/nothing:publish?" + version, status: 403},
		"a missing topic, 410 behind": {headers: authorization("Bearer ann"), path: "/topics/nothing:publish?" + version, roles: []*access.RoleAssignment{role(access.SenderRole, plantID)}, status: 410},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ns := *h.ns
			if tt.change != nil {
				tt.change(&ns)
			}
			one := newHouse(t, func(x *house) { x.ns, x.other, x.o.Bearer = &ns, h.other, directory{tt.roles} })
			path, body := tt.path, order
			if path == "" {
				path = publishPath
			}
			if strings.Contains(path, ":acknowledge") {
				body = `{"lockTokens":["a"]}`
			}
			r := one.ask(path, body, header("Authorization", ""))
			if tt.query != "" {
				r.URL.RawQuery += "&" + tt.query
			}
			for i := 0; i < len(tt.headers); i += 2 {
				r.Header.Add(tt.headers[i], tt.headers[i+1])
			}
			a := one.do(r)
			if a.status != tt.status {
				t.Errorf("%d %s, want %d", a.status, a.body, tt.status)
			}
			a.code(t)
			if got := a.header.Get("WWW-Authenticate"); (a.status == 401) != (got == "Bearer") {
				t.Errorf("WWW-Authenticate: %q", got)
			}
		})
	}
}

// A key made anew is refused at once, and what was signed with the old one.
func TestRegeneratedKey(t *testing.T) {
	h := newHouse(t)
	old := header("Authorization", "SharedAccessSignature "+makeToken(h.ns.Keys[0], "https://plant.example", time.Now().Add(time.Hour)))
	if a := h.do(h.ask(publishPath, order, old)); a.status != 200 {
		t.Fatal(a)
	}
	changed := *h.ns
	changed.Keys[0] = sharedkey.Generate()
	r := h.ask(publishPath, order)
	h.ns = &changed
	if a := h.do(r); a.status != 401 {
		t.Errorf("the old key: %d", a.status)
	}
	if a := h.do(h.ask(publishPath, order, old)); a.status != 401 {
		t.Errorf("a signature of the old key: %d", a.status)
	}
}

func TestNoBearer(t *testing.T) {
	h := newHouse(t)
	if a := h.do(h.ask(publishPath, order, header("Authorization", "Bearer ann"))); a.status != 401 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Section 2: host, then path, then the default.
func TestNamespaces(t *testing.T) {
	tests := map[string]struct {
		host, sni, path string
		want            string
	}{
		"host":               {host: "plant.example", want: "Plant"},
		"host, port":         {host: "PLANT.example:8443", want: "Plant"},
		"custom domain":      {host: "events.plant.example", want: "Plant"},
		"host of another":    {host: "maker.example", want: "maker"},
		"server name":        {host: "127.0.0.1:8443", sni: "maker.example", want: "maker"},
		"host before name":   {host: "plant.example", sni: "maker.example", want: "Plant"},
		"path":               {host: "h", path: "/ns/MAKER", want: "maker"},
		"host and its path":  {host: "maker.example", path: "/ns/maker", want: "maker"},
		"host, another path": {host: "plant.example", path: "/ns/maker"},
		"unknown path":       {host: "h", path: "/ns/x"},
		"default":            {host: "127.0.0.1:8443", want: "Plant"},
		"default, v6":        {host: "[::1]:8443", want: "Plant"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			r := h.ask(tt.path+"/topics/nothing:publish?"+version, order, func(r *http.Request) {
				r.Host, r.TLS.ServerName = tt.host, tt.sni
				if tt.want == "maker" {
					r.Header.Set("Authorization", "SharedAccessKey "+h.other.Keys[0])
				}
			})
			a := h.do(r)
			if got := h.last().Namespace; got != tt.want || (a.status == 410) != (tt.want != "") {
				t.Errorf("namespace %q, %d %s; want %q", got, a.status, a.body, tt.want)
			}
		})
	}
}

// Section 4.6.
func TestNetworkRules(t *testing.T) {
	inside := identity.Network{Inbound: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	tests := map[string]struct {
		network   identity.Network
		from      string
		forwarded []string
		private   bool
		status    int
	}{
		"everybody":              {identity.Network{}, "203.0.113.1:1", nil, false, 200},
		"inside":                 {inside, "192.0.2.9:1", nil, false, 200},
		"inside, mapped":         {inside, "[::ffff:192.0.2.9]:1", nil, false, 200},
		"outside":                {inside, "203.0.113.1:1", nil, false, 403},
		"outside, private":       {inside, "203.0.113.1:1", nil, true, 200},
		"disabled":               {identity.Network{Access: identity.NetworkDisabled}, "192.0.2.9:1", nil, false, 403},
		"disabled, private":      {identity.Network{Access: identity.NetworkDisabled}, "192.0.2.9:1", nil, true, 200},
		"perimeter":              {identity.Network{Access: identity.NetworkSecuredByPerimeter}, "192.0.2.9:1", nil, false, 403},
		"claims to be inside":    {inside, "203.0.113.1:1", []string{"192.0.2.9"}, false, 403},
		"a proxy says so":        {inside, "10.0.0.1:1", []string{"192.0.2.9"}, false, 200},
		"a proxy says not":       {inside, "10.0.0.1:1", []string{"203.0.113.1"}, false, 403},
		"a proxy is told so":     {inside, "10.0.0.1:1", []string{"192.0.2.9, 203.0.113.1"}, false, 403},
		"two proxies":            {inside, "10.0.0.1:1", []string{"203.0.113.1, 192.0.2.9", "10.0.0.2"}, false, 200},
		"a proxy of its own":     {inside, "10.0.0.1:1", nil, false, 403},
		"a proxy says something": {inside, "10.0.0.1:1", []string{"unknown"}, false, 403},
		"no address":             {inside, "@", nil, false, 403},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(h *house) {
				h.o.Proxies = proxies
				h.o.Private = func(*http.Request) bool { return tt.private }
				h.ns.Network = tt.network
			})
			a := h.do(h.ask(publishPath, order, func(r *http.Request) {
				r.RemoteAddr = tt.from
				r.Header["X-Forwarded-For"] = tt.forwarded
			}))
			if a.status != tt.status {
				t.Errorf("%d %s, want %d", a.status, a.body, tt.status)
			}
		})
	}
}

func TestRefuseHasCodes(t *testing.T) {
	for status := range codes {
		if e := Refuse(status, "x"); e.Code == "" || !errors.As(error(e), new(*Error)) {
			t.Errorf("%d: %+v", status, e)
		}
	}
}
