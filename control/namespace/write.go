package namespace

import "gridmq/control/tree"

// EncodeStored writes everything, for the store.
func (n *Namespace) EncodeStored() []byte {
	b := n.body(true)
	b["keys"] = map[string]any{"key1": n.Keys[0], "key2": n.Keys[1]}
	return tree.Encode(b)
}

// Encode writes location, tags, sku, identity and properties as the management
// plane shows them, without secrets, host names and provisioningState.
func (n *Namespace) Encode() []byte { return tree.Encode(n.body(false)) }

func (n *Namespace) body(stored bool) map[string]any {
	b := map[string]any{
		"location":   n.Location,
		"sku":        map[string]any{"name": "Standard", "capacity": n.Capacity},
		"properties": n.properties(stored),
	}
	if n.Tags != nil {
		b["tags"] = n.Tags
	}
	if id := n.identityJSON(); id != nil {
		b["identity"] = id
	}
	return b
}

func (n *Namespace) properties(stored bool) map[string]any {
	rules := []any{}
	for _, p := range n.Network.Inbound {
		rules = append(rules, map[string]any{"ipMask": p.String(), "action": "Allow"})
	}
	return map[string]any{
		"publicNetworkAccess":      n.Network.Access.String(),
		"inboundIpRules":           rules,
		"isZoneRedundant":          n.ZoneRedundant,
		"minimumTlsVersionAllowed": "1.2",
		"ipV6Enabled":              n.IPv6,
		"topicsConfiguration":      map[string]any{"customDomains": domainsJSON(n.HTTPDomains)},
		"topicSpacesConfiguration": n.topicSpacesJSON(stored),
		"gridmq":                   n.GridMQ.json(stored),
	}
}

func (n *Namespace) topicSpacesJSON(stored bool) map[string]any {
	t := map[string]any{"state": mqttStates[0], "customDomains": domainsJSON(n.MQTTDomains)}
	if n.MQTTEnabled {
		t["state"] = mqttStates[1]
	}
	numbers := map[string]int{
		"maximumSessionExpiryInHours":                n.SessionExpiryHours,
		"maximumClientSessionsPerAuthenticationName": n.SessionsPerName,
	}
	for name, v := range numbers {
		if v == 0 && n.GridMQ.Profile == Azure && !stored {
			v = 1 // the documented default
		}
		if v > 0 {
			t[name] = v
		}
	}
	if n.RouteTopic != "" {
		t["routeTopicResourceId"] = n.RouteTopic
	}
	if n.RoutingIdentity != nil {
		t["routingIdentityInfo"] = n.RoutingIdentity
	}
	if len(n.Static)+len(n.Dynamic) > 0 {
		t["routingEnrichments"] = n.enrichmentsJSON()
	}
	if auth := n.authenticationJSON(); len(auth) > 0 {
		t["clientAuthentication"] = auth
	}
	return t
}

func (n *Namespace) enrichmentsJSON() map[string]any {
	static, dynamic := []any{}, []any{}
	for _, e := range n.Static {
		static = append(static, map[string]any{"key": e.Key, "value": e.Value, "valueType": "String"})
	}
	for _, e := range n.Dynamic {
		dynamic = append(dynamic, e)
	}
	return map[string]any{"static": static, "dynamic": dynamic}
}

func (n *Namespace) authenticationJSON() map[string]any {
	auth := map[string]any{}
	if len(n.NameSources) > 0 {
		auth["alternativeAuthenticationNameSources"] = n.NameSources
	}
	if j := n.JWT; j != nil {
		shown := map[string]any{"tokenIssuer": j.TokenIssuer}
		var byURL []any
		for _, c := range j.ByURL {
			one := map[string]any{"certificateUrl": c.URL}
			if c.Identity.Type != "" {
				one["identity"] = c.Identity
			}
			byURL = append(byURL, one)
		}
		if byURL != nil {
			shown["issuerCertificates"] = byURL
		}
		if j.Encoded != nil {
			shown["encodedIssuerCertificates"] = j.Encoded
		}
		auth["customJwtAuthentication"] = shown
	}
	if w := n.Webhook; w != nil {
		shown := map[string]any{"endpointUrl": w.Endpoint, "endpointBaseUrl": w.BaseURL}
		if w.Identity != nil {
			shown["identity"] = w.Identity
		}
		if w.Application != "" {
			shown["azureActiveDirectoryApplicationIdOrUri"] = w.Application
		}
		if w.Tenant != "" {
			shown["azureActiveDirectoryTenantId"] = w.Tenant
		}
		auth["webhookAuthentication"] = shown
	}
	return auth
}

func domainsJSON(list []Domain) []any {
	shown := []any{}
	for i := range list {
		d := &list[i]
		one := map[string]any{
			"fullyQualifiedDomainName": d.Name,
			"expectedTxtRecordName":    d.TXTName(), "expectedTxtRecordValue": d.TXT, "validationState": d.State,
		}
		if d.Identity != nil {
			one["identity"] = d.Identity
		}
		if d.CertificateURL != "" {
			one["certificateUrl"] = d.CertificateURL
		}
		shown = append(shown, one)
	}
	return shown
}

// Domains are the custom domains as the management plane shows them.
func (n *Namespace) Domains() (topics, topicSpaces []any) {
	return domainsJSON(n.HTTPDomains), domainsJSON(n.MQTTDomains)
}
