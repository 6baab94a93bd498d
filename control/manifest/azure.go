package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What comes from Azure, or from another server, is made to fit here.

// A Remark is what was done to a resource, what it still needs, or what of it cannot be
// imported.
type Remark struct {
	*Fault
	Lost bool // this is not imported
}

// A Move is where resources come. Empty members are the server's defaults.
type Move struct {
	Namespace           string // a new name for the only namespace; empty: the one it has
	Subscription, Group string
}

// Adapt moves all resources of a set to another place, leaves out what only a server
// sets, and says what cannot be imported and why. What is lost is no longer in the set
// as far as a whole resource is.
func (s *Set) Adapt(m Move) (remarks []Remark, err error) {
	ids, err := s.ids(m)
	if err != nil {
		return nil, err
	}
	for _, f := range s.Skipped {
		remarks = append(remarks, Remark{f, true})
	}
	kept := s.Resources[:0]
	for _, r := range s.Resources {
		a := &adapter{r: r, ids: ids}
		if a.adapt(m) {
			kept = append(kept, r)
		}
		slices.SortStableFunc(a.remarks, func(x, y Remark) int { return strings.Compare(x.Field, y.Field) })
		remarks = append(remarks, a.remarks...)
	}
	s.Resources = kept
	return remarks, nil
}

// ids are the resource ids that change: old ones, in lower case, and new ones.
func (s *Set) ids(m Move) (map[string]string, error) {
	ids, names := map[string]string{}, map[string]bool{}
	next := func(kind, name string) string {
		return resourceIDOf(firstText(m.Subscription, DefaultSubscription), firstText(m.Group, DefaultGroup), kind, name)
	}
	for _, r := range s.Resources {
		sub, group := firstText(r.Subscription, DefaultSubscription), firstText(r.Group, DefaultGroup)
		switch {
		case r.Kind == CustomTopic:
			ids[strings.ToLower(resourceIDOf(sub, group, "topics", r.Name))] = next("topics", r.Name)
		case r.Namespace != "":
			names[strings.ToLower(r.Namespace)] = true
			ids[strings.ToLower(resourceIDOf(sub, group, "namespaces", r.Namespace))] = next("namespaces", firstText(m.Namespace, r.Namespace))
		}
	}
	if m.Namespace != "" && len(names) > 1 {
		return nil, fmt.Errorf("there are %d namespaces (%s): only one can have another name", len(names), strings.Join(slices.Sorted(maps.Keys(names)), ", "))
	}
	return ids, nil
}

func resourceIDOf(sub, group, kind, name string) string {
	return "/subscriptions/" + sub + "/resourceGroups/" + group + "/providers/Microsoft.EventGrid/" + kind + "/" + name
}

// everybody is the client group that nobody makes.
const everybody = "$all"

// An adapter adapts one resource.
type adapter struct {
	r       *Resource
	ids     map[string]string
	remarks []Remark
}

func (a *adapter) say(lost bool, field, format string, args ...any) {
	a.remarks = append(a.remarks, Remark{a.r.Fault(field, fmt.Sprintf(format, args...)), lost})
}

// adapt says whether anything is left of the resource.
func (a *adapter) adapt(m Move) bool {
	r := a.r
	if r.answered && member(r.Body, "properties") == nil {
		a.say(true, "properties", "are not in the file: az resource list shows names only; use az resource show, or az rest -m get, for each resource")
		return false
	}
	if r.Kind == ClientGroup && r.Name == everybody {
		a.say(false, "", "is there in every namespace")
		return false
	}
	whole := a.webhook() && a.attributes()
	a.needs()
	r.clean()
	if m.Namespace != "" && r.Namespace != "" && r.Namespace != m.Namespace {
		if r.Kind == Namespace {
			a.say(false, "name", "is %s now", m.Namespace)
			r.Name = m.Namespace
		}
		r.Namespace = m.Namespace
	}
	if r.Scope != "" {
		a.scope(m)
	}
	r.Subscription, r.Group = m.Subscription, m.Group
	for name, v := range r.Body {
		r.Body[name] = a.moved(name, v)
	}
	return whole
}

// moved is a value with the ids in it that change.
func (a *adapter) moved(field string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			v[name] = a.moved(field+"."+name, one)
		}
	case []any:
		for i, one := range v {
			v[i] = a.moved(fmt.Sprintf("%s[%d]", field, i), one)
		}
	case string:
		low := strings.ToLower(v)
		for old, next := range a.ids {
			rest, is := strings.CutPrefix(low, old)
			if !is || rest != "" && rest[0] != '/' || len(low) != len(v) {
				continue
			}
			if to := next + v[len(old):]; to != v {
				a.say(false, field, "is %s now", to)
				return to
			}
		}
	}
	return v
}

// scope moves a role assignment that is about a subscription or a group.
func (a *adapter) scope(m Move) {
	p := strings.Split(strings.Trim(a.r.Scope, "/"), "/")
	if len(p) >= 2 && strings.EqualFold(p[0], "subscriptions") {
		p[1] = firstText(m.Subscription, DefaultSubscription)
	}
	if len(p) >= 4 && strings.EqualFold(p[2], "resourceGroups") {
		p[3] = firstText(m.Group, DefaultGroup)
	}
	if to := "/" + strings.Join(p, "/"); to != a.r.Scope {
		a.r.Scope = to
		a.say(false, "scope", "is %s now", to)
	}
}

// webhook says whether the URL of one is there, if there has to be one.
func (a *adapter) webhook() bool {
	properties, _ := member(a.r.Body, "properties").(map[string]any)
	to := webhookOf(properties)
	if to == nil || a.r.Kind != EventSubscription && a.r.Kind != CustomTopicSubscription || text(to, "endpointUrl") != "" {
		return true
	}
	a.say(true, "properties.deliveryConfiguration", "the URL of its webhook is not in the file, as it may have a key in it: ask for it (az rest -m post -u ID/getFullUrl?api-version=2025-02-15) and write it into the destination's properties as endpointUrl")
	return false
}

// attributes says whether the values of all delivery attributes are there.
func (a *adapter) attributes() bool {
	properties, _ := member(a.r.Body, "properties").(map[string]any)
	mappings, _ := member(destinationOf(properties), "deliveryAttributeMappings").([]any)
	for _, one := range mappings {
		if name, secret := secretMapping(one); secret {
			a.say(true, "properties.deliveryConfiguration", "the value of the delivery attribute %s is a secret, which is not in the file: write it there (az rest -m post -u ID/getDeliveryAttributes?api-version=2025-02-15 shows it)", name)
			return false
		}
	}
	return true
}

// needs says what is taken over and wants something else to work.
func (a *adapter) needs() {
	properties, _ := member(a.r.Body, "properties").(map[string]any)
	if list, _ := member(properties, "privateEndpointConnections").([]any); len(list) > 0 {
		a.say(true, "properties.privateEndpointConnections", "private endpoints belong to Azure's networks: inboundIpRules and publicNetworkAccess say who may come here")
	}
	if id, _ := member(a.r.Body, "identity").(map[string]any); id != nil && !strings.EqualFold(text(id, "type"), "None") {
		a.say(false, "identity", "a managed identity has no power outside Azure: what is reached with it needs credentials in the server's configuration")
	}
	if to := destinationOf(properties); text(to, "resourceId") != "" {
		a.say(false, "properties.deliveryConfiguration", "how to reach %s is in the section kafka of the server's configuration", text(to, "resourceId"))
	}
	for _, field := range []string{"topicSpacesConfiguration", "topicsConfiguration"} {
		domains, _ := member(objectAt(properties, field), "customDomains").([]any)
		for i, one := range domains {
			if o, _ := one.(map[string]any); text(o, "certificateUrl") != "" {
				a.say(false, fmt.Sprintf("properties.%s.customDomains[%d].certificateUrl", field, i), "vaults are not read: the certificate goes into tls.certificates of the server's configuration, or comes by ACME; ownership has to be proved again")
			}
		}
	}
	a.letters(properties)
}

func (a *adapter) letters(properties map[string]any) {
	for _, at := range []any{properties, member(properties, "deliveryConfiguration")} {
		o, _ := at.(map[string]any)
		for _, part := range []map[string]any{o, objectAt(o, "queue"), objectAt(o, "push")} {
			with := objectAt(part, "deadLetterDestinationWithResourceIdentity")
			if with == nil {
				with = objectAt(part, "deadLetterDestination")
			}
			if with != nil {
				a.say(false, "properties", "where dead letters are kept is in events.dead_letters of the server's configuration: a folder, unless it says more")
				return
			}
		}
	}
}

func objectAt(o map[string]any, name string) map[string]any {
	v, _ := member(o, name).(map[string]any)
	return v
}
