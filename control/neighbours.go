package control

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"gridmq/control/namespace"
	"gridmq/control/resource"
)

// The end points of Resource Manager that tools ask before ours: section 9.

// metadata tells a tool where everything is; nobody has to be known for it.
func (c *call) metadata() error {
	base := c.base()
	login := c.plane.o.LoginEndpoint
	if login == "" {
		login = base + "/adfs"
	}
	audiences := c.plane.o.Audiences
	if len(audiences) == 0 {
		audiences = []string{base}
	}
	if strings.HasPrefix(c.query["api-version"], "2015") {
		c.answer(http.StatusOK, map[string]any{
			"galleryEndpoint": base, "graphEndpoint": base, "portalEndpoint": base,
			"authentication": map[string]any{"loginEndpoint": login, "audiences": audiences}})
		return nil
	}
	c.answer(http.StatusOK, []any{map[string]any{
		"name": "gridmq", "resourceManager": base, "portal": base, "graph": base, "gallery": base,
		"microsoftGraphResourceId": base, "activeDirectoryDataLake": base, "batch": base, "sqlManagement": base,
		"vmImageAliasDoc": base, "media": base,
		"authentication": map[string]any{"loginEndpoint": login, "audiences": audiences, "tenant": c.plane.o.Tenant,
			"identityProvider": "AAD"},
		"suffixes": map[string]any{"storage": c.plane.o.Domain, "keyVaultDns": c.plane.o.Domain},
	}})
	return nil
}

func (c *call) listTenants() error {
	t := c.plane.o.Tenant
	c.answer(http.StatusOK, map[string]any{"value": []any{map[string]any{"id": "/tenants/" + t, "tenantId": t, "displayName": "GridMQ"}}})
	return nil
}

// subscriptions are the configured ones, and those that have something.
func (p *Plane) subscriptions() []string {
	all := map[string]string{}
	add := func(s string) {
		if low := strings.ToLower(s); all[low] == "" {
			all[low] = s
		}
	}
	if len(p.o.Subscriptions) == 0 {
		add(p.o.Subscription)
		p.set.List(resource.Process, p.groupKind(), "", "", everyName, func(r *resource.Resource) bool {
			add(r.Subscription)
			return true
		})
	}
	for _, s := range p.o.Subscriptions {
		add(s)
	}
	return slices.Sorted(maps.Values(all))
}

func everyName(string) bool { return true }

func (c *call) subscriptionShown(sub string) map[string]any {
	return map[string]any{"id": "/subscriptions/" + sub, "subscriptionId": sub, "displayName": sub, "state": "Enabled",
		"tenantId": c.plane.o.Tenant, "authorizationSource": "RoleBased", "managedByTenants": []any{},
		"subscriptionPolicies": map[string]any{"locationPlacementId": "Public_2014-09-01", "quotaId": "GridMQ", "spendingLimit": "Off"}}
}

const subscriptionRead = "Microsoft.Resources/subscriptions/read"

// listSubscriptions shows everybody who is known all of them: tools need one to
// begin with, and it gives nothing away but its name.
func (c *call) listSubscriptions() error {
	value := []any{}
	for _, sub := range c.plane.subscriptions() {
		if c.caller.MayBelow(subscriptionRead, "/subscriptions/"+sub) || len(c.caller.Grants) > 0 {
			value = append(value, c.subscriptionShown(sub))
		}
	}
	c.answer(http.StatusOK, map[string]any{"value": value})
	return nil
}

func (c *call) getSubscription(sub string) error {
	if err := c.known(sub); err != nil {
		return err
	}
	c.answer(http.StatusOK, c.subscriptionShown(sub))
	return nil
}

// locations are what tools may write: they check against this list.
func (p *Plane) locations() []string {
	all := slices.Clone(p.o.Locations)
	p.set.EachNamespace("", func(r *resource.Resource) bool {
		if l := r.Noun.(*namespace.Namespace).Location; !slices.Contains(all, l) {
			all = append(all, l)
		}
		return true
	})
	return all
}

func (c *call) providerShown(sub string) map[string]any {
	var types []any
	locations := c.plane.locations()
	for _, k := range c.plane.set.Kinds() {
		name, ours := strings.CutPrefix(k.Type, eventGrid+"/")
		if !ours || k.Extension {
			continue
		}
		name = strings.ReplaceAll(name, "eventsubscriptions", "eventSubscriptions")
		if k.Name == resource.CustomSubscriptions { // the same, by its other name
			types = append(types, map[string]any{"resourceType": "topics/eventSubscriptions", "locations": locations, "apiVersions": versions,
				"defaultApiVersion": versions[0], "capabilities": "None"})
		}
		types = append(types, map[string]any{"resourceType": name, "locations": locations, "apiVersions": versions,
			"defaultApiVersion": versions[0], "capabilities": "None"})
	}
	return map[string]any{"id": "/subscriptions/" + sub + "/providers/" + eventGrid, "namespace": eventGrid,
		"registrationState": "Registered", "registrationPolicy": "RegistrationRequired", "resourceTypes": types}
}

func (c *call) listProviders(sub string) error {
	if err := c.known(sub); err != nil {
		return err
	}
	c.answer(http.StatusOK, map[string]any{"value": []any{c.providerShown(sub)}})
	return nil
}

func (c *call) getProvider(sub, name string) error {
	if err := c.known(sub); err != nil {
		return err
	}
	if !strings.EqualFold(name, eventGrid) {
		return refuse(http.StatusNotFound, "InvalidResourceNamespace", "The resource namespace %.100q is not known; there is %s.", name, eventGrid)
	}
	c.answer(http.StatusOK, c.providerShown(sub))
	return nil
}

// listOperations is the catalogue of what can be done.
func (c *call) listOperations() error {
	value := []any{}
	add := func(name, resourceName, operation string) {
		value = append(value, map[string]any{"name": name, "origin": "user,system", "isDataAction": false,
			"display": map[string]any{"provider": "Microsoft Event Grid", "resource": resourceName, "operation": operation,
				"description": operation + "."}})
	}
	for _, k := range c.plane.set.Kinds() {
		if !strings.HasPrefix(k.Type, eventGrid) || k.Extension {
			continue
		}
		for verb, text := range map[string]string{"read": "Read", "write": "Write", "delete": "Delete"} {
			add(k.Type+"/"+verb, k.Name, text+" "+k.Name)
		}
		for _, action := range k.Actions {
			add(k.Type+"/"+action+"/action", k.Name, actionTexts[action])
		}
	}
	slices.SortFunc(value, func(a, b any) int {
		return strings.Compare(a.(map[string]any)["name"].(string), b.(map[string]any)["name"].(string))
	})
	c.answer(http.StatusOK, map[string]any{"value": value})
	return nil
}
