package control

import (
	"net/http"
	"strings"

	"gridmq/control/resource"
	"gridmq/control/role"
)

const (
	authorization    = "Microsoft.Authorization"
	assignmentAction = authorization + "/roleAssignments"
)

// scopeOf is the resource id that a path names, in the spelling of Resource
// Manager, and the namespace in it, resource.Process for what lies above one.
// There are scopes from the root down to a resource of a namespace.
func (c *call) scopeOf(p path) (scope, ns string, err error) {
	bad := refuse(http.StatusNotFound, codeNotFound, "There is nothing that a role can be assigned at: %.200q.", "/"+strings.Join(p, "/"))
	words := []string{"subscriptions", "", "resourceGroups", "", "providers", eventGrid, "namespaces", "", "", ""}
	if len(p) > len(words) || len(p)%2 != 0 || len(p) == 6 {
		return "", "", bad
	}
	if len(p) == 8 && strings.EqualFold(p[6], "topics") {
		words[6] = "topics"
	}
	list := make([]string, len(p))
	for i, segment := range p {
		if list[i] = segment; words[i] != "" {
			if !strings.EqualFold(segment, words[i]) {
				return "", "", bad
			}
			list[i] = words[i]
		}
	}
	ns = resource.Process
	if words[6] == "topics" {
		found := c.customTopicThing(p[1], p[3], p[7])
		if found.existing == nil {
			return "/" + strings.Join(list, "/"), ns, refuse(http.StatusNotFound, codeNoParent, "The topic %q was not found.", p[7])
		}
		return CustomTopicID(found.existing), ns, nil
	}
	if len(p) >= 8 {
		ns = p[7]
		found := c.find(place{p[1], p[3], p[7]})
		if found == nil {
			return "/" + strings.Join(list, "/"), ns, refuse(http.StatusNotFound, codeNoParent, "The namespace %q was not found.", p[7])
		}
		list[1], list[3], list[7] = found.Subscription, found.Group, found.Name
	}
	if len(p) == 10 {
		kind := c.plane.set.Kind(p[8])
		if kind == nil || kind.Extension || kind.Apart || c.plane.set.Get(resource.NewKey(ns, kind, p[9])) == nil {
			return "/" + strings.Join(list, "/"), ns, refuse(http.StatusNotFound, codeNoParent, "%s %q was not found.", p[8], p[9])
		}
		list[8] = kind.Name
	}
	return "/" + strings.Join(list, "/"), ns, nil
}

// assignment is GET, PUT and DELETE of a role assignment at a scope.
func (c *call) assignment(p path, name string) error {
	scope, ns, err := c.scopeOf(p)
	kind := c.plane.set.Kind(resource.RoleAssignments)
	t := &thing{kind: kind, namespace: ns, name: name, action: assignmentAction, scope: scope,
		id: strings.TrimSuffix(scope, "/") + "/providers/" + authorization + "/roleAssignments/" + name}
	if right := c.childAllowed(t); right != nil {
		return right
	}
	if err != nil {
		return err
	}
	if found := c.plane.set.Get(resource.NewKey(ns, kind, name)); found != nil {
		if strings.EqualFold(found.Scope, scope) {
			t.existing = found
		} else if c.r.Method == http.MethodDelete {
			c.answer(http.StatusNoContent, nil)
			return nil
		}
	}
	return c.serveThing(t)
}

// listAssignments lists those at a scope, above it and below it; $filter may be
// atScope() (not below) or principalId eq '...'.
func (c *call) listAssignments(p path) error {
	scope, _, err := c.scopeOf(p)
	if right := c.mayList(assignmentAction+"/read", scope); right != nil {
		return right
	}
	if err != nil {
		return err
	}
	principal, only, err := assignmentFilter(c.query["$filter"])
	if err != nil {
		return err
	}
	value := []any{}
	c.plane.eachAssignment(func(r *resource.Resource) {
		a := r.Noun.(*role.Assignment)
		switch {
		case !role.Covers(r.Scope, scope) && (only || !role.Covers(scope, r.Scope)):
		case principal != "" && !strings.EqualFold(a.PrincipalID, principal):
		case !c.caller.May(assignmentAction+"/read", r.Scope):
		default:
			value = append(value, c.plane.shown(r))
		}
	})
	c.answer(http.StatusOK, map[string]any{"value": value})
	return nil
}

func assignmentFilter(text string) (principal string, atScope bool, err error) {
	text = strings.TrimSpace(text)
	low := strings.ToLower(text)
	switch {
	case text == "":
		return "", false, nil
	case low == "atscope()":
		return "", true, nil
	case strings.HasPrefix(low, "principalid eq '") && strings.HasSuffix(text, "'") && len(text) > len("principalid eq '"):
		return text[len("principalid eq '") : len(text)-1], false, nil
	}
	return "", false, refuse(http.StatusBadRequest, codeInvalid, "$filter can be atScope() or principalId eq '...'.").at("$filter")
}

// eachAssignment visits those of the process and of every namespace.
func (p *Plane) eachAssignment(visit func(*resource.Resource)) {
	kind := p.set.Kind(resource.RoleAssignments)
	one := func(ns string) {
		p.set.List(ns, kind, "", "", everyName, func(r *resource.Resource) bool {
			visit(r)
			return true
		})
	}
	one(resource.Process)
	p.set.EachNamespace("", func(r *resource.Resource) bool {
		one(r.Namespace)
		return true
	})
}

func definitionShown(d *role.Definition) map[string]any {
	list := func(l []string) []string {
		if l == nil {
			return []string{}
		}
		return l
	}
	return map[string]any{"id": role.DefinitionID(d), "name": d.ID, "type": authorization + "/roleDefinitions",
		"properties": map[string]any{"roleName": d.Name, "type": "BuiltInRole", "description": d.Description,
			"assignableScopes": []string{"/"}, "permissions": []any{map[string]any{"actions": list(d.Actions),
				"notActions": list(d.NotActions), "dataActions": list(d.DataActions), "notDataActions": []string{}}}}}
}

// listDefinitions lists the built-in roles; $filter may be roleName eq '...'.
func (c *call) listDefinitions() error {
	name := ""
	if text := strings.TrimSpace(c.query["$filter"]); text != "" {
		const prefix = "rolename eq '"
		if !strings.HasPrefix(strings.ToLower(text), prefix) || !strings.HasSuffix(text, "'") || len(text) <= len(prefix) {
			return refuse(http.StatusBadRequest, codeInvalid, "$filter can be roleName eq '...'.").at("$filter")
		}
		name = text[len(prefix) : len(text)-1]
	}
	value := []any{}
	for i := range role.Definitions {
		if d := &role.Definitions[i]; name == "" || strings.EqualFold(d.Name, name) {
			value = append(value, definitionShown(d))
		}
	}
	c.answer(http.StatusOK, map[string]any{"value": value})
	return nil
}

func (c *call) getDefinition(id string) error {
	d := role.ByID(id)
	if d == nil {
		return refuse(http.StatusNotFound, "RoleDefinitionDoesNotExist", "There is no role with the id %.100q.", id)
	}
	c.answer(http.StatusOK, definitionShown(d))
	return nil
}
