package control

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"gridmq/control/namespace"
	"gridmq/control/resource"
	"gridmq/control/tree"
)

// id is the resource id, with the kinds' spelling and the stored one of names.
func (p *Plane) id(r *resource.Resource) string {
	switch {
	case r.Kind.Name == resource.Namespaces:
		return namespaceID(r.Subscription, r.Group, r.Name)
	case r.Kind.Name == resource.ResourceGroups:
		return groupID(r.Subscription, r.Group)
	case r.Kind.Name == resource.CustomTopics:
		return CustomTopicID(r)
	case r.Kind.Name == resource.CustomSubscriptions:
		above, below, _ := strings.Cut(r.Name, "/")
		return p.customTopicIDOf(above) + belowTopic + below
	case r.Kind.Name == resource.Operators:
		return "/gridmq/operators/" + r.Name
	case r.Kind.Name == resource.Bans:
		return "/gridmq/namespaces/" + p.nameOf(r.Namespace) + "/bans/" + r.Name
	case r.Kind.Name == resource.RoleAssignments:
		return strings.TrimSuffix(r.Scope, "/") + "/providers/" + authorization + "/roleAssignments/" + r.Name
	}
	parent := ""
	if ns := p.set.Namespace(r.Namespace); ns != nil {
		parent = p.id(ns)
	}
	name := r.Name
	if r.Kind.Parent != "" {
		above, below, _ := strings.Cut(r.Name, "/")
		parent, name = parent+"/"+r.Kind.Parent+"/"+above, below
	}
	return parent + "/" + r.Kind.Name + "/" + name
}

func (p *Plane) nameOf(namespace string) string {
	if ns := p.set.Namespace(namespace); ns != nil {
		return ns.Name
	}
	return namespace
}

// shown is a resource as it is answered.
func (p *Plane) shown(r *resource.Resource) map[string]any {
	v, err := tree.Parse(r.Kind.Shown(r.Noun))
	body, ok := v.(map[string]any)
	if err != nil || !ok {
		panic("control: a noun is not a JSON object")
	}
	body["id"], body["type"] = p.id(r), r.Kind.Type
	body["name"] = r.Name[strings.LastIndexByte(r.Name, '/')+1:]
	body["systemData"] = systemData(r.System)
	properties, ok := body["properties"].(map[string]any)
	if !ok {
		properties = map[string]any{}
		body["properties"] = properties
	}
	switch r.Kind.Name {
	case resource.Namespaces:
		p.namespaceShown(r, properties)
	case resource.CustomTopics:
		p.customTopicShown(r, properties)
	case resource.CustomSubscriptions:
		above, _, _ := strings.Cut(r.Name, "/")
		properties["topic"] = p.customTopicIDOf(above)
	case resource.RoleAssignments:
		properties["scope"] = r.Scope
		return body // Resource Manager has no provisioningState here
	}
	properties["provisioningState"] = "Succeeded"
	if r.Deleting {
		properties["provisioningState"] = "Deleting"
	}
	return body
}

// namespaceShown adds what follows from where the namespace is reached.
func (p *Plane) namespaceShown(r *resource.Resource, properties map[string]any) {
	properties["privateEndpointConnections"] = []any{}
	if p.o.Domain == "" {
		return
	}
	host := strings.ToLower(r.Name) + "." + p.o.Domain
	if topics, ok := properties["topicsConfiguration"].(map[string]any); ok {
		topics["hostname"] = host
	}
	if spaces, ok := properties["topicSpacesConfiguration"].(map[string]any); ok && r.Noun.(*namespace.Namespace).MQTTEnabled {
		spaces["hostname"] = host
	}
}

func systemData(s resource.SystemData) map[string]any {
	return map[string]any{
		"createdBy": s.CreatedBy, "createdByType": s.CreatedByType, "createdAt": instant(s.CreatedAt),
		"lastModifiedBy": s.LastModifiedBy, "lastModifiedByType": s.LastModifiedByType, "lastModifiedAt": instant(s.LastModifiedAt),
	}
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.9999999Z") }

// etag is the revision, for If-Match.
func etag(r *resource.Resource) string { return `"` + strconv.FormatUint(r.Revision, 10) + `"` }

// match reads If-Match and If-None-Match. Anything but "*" and a tag of ours can
// never hold.
func (c *call) match() (m resource.Match, err error) {
	if text := c.r.Header.Get("If-None-Match"); text != "" {
		if strings.TrimSpace(text) != "*" {
			return m, refuse(http.StatusPreconditionFailed, "PreconditionFailed", "If-None-Match can only be *.").at("If-None-Match")
		}
		m.New = true
	}
	text := strings.TrimSpace(c.r.Header.Get("If-Match"))
	switch {
	case text == "":
	case text == "*":
		m.Exists = true
	default:
		m.Revision, err = strconv.ParseUint(strings.Trim(strings.TrimPrefix(text, "W/"), `"`), 10, 64)
		if err != nil || m.Revision == 0 {
			return m, refuse(http.StatusPreconditionFailed, "PreconditionFailed", "If-Match can be * or the ETag of an answer.").at("If-Match")
		}
	}
	return m, nil
}

// checkIdentity refuses a body that says it is another resource than the URL's.
func checkIdentity(body []byte, id, name, kind string) error {
	v, err := tree.Parse(body)
	if err != nil {
		return refuse(http.StatusBadRequest, codeContent, "The body cannot be read: %v.", err)
	}
	o, _ := v.(map[string]any)
	for member, want := range map[string]string{"id": id, "name": name, "type": kind} {
		given, _, _ := tree.Member(o, member)
		text, isText := given.(string)
		if !isText || text == "" {
			continue
		}
		if member == "id" {
			if list, bad := segments(text); bad == nil {
				text = "/" + strings.Join(list, "/")
			}
		}
		if !strings.EqualFold(text, want) {
			return refuse(http.StatusBadRequest, codeInvalid, "The body says %s %.200q, the URL %q.", member, text, want).at(member)
		}
	}
	return nil
}
