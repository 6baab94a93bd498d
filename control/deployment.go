package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"gridmq/control/manifest"
	"gridmq/control/resource"
)

// Deployments of templates: spec/control-plane.md, section 9.1. A deployment is the
// requests that its caller could have made one by one, in the order in which they can
// succeed; it is done when it is answered.

const (
	deploymentType   = "Microsoft.Resources/deployments"
	deploymentsKept  = 500 // in all groups; the oldest go
	deploymentsTime  = 10 * time.Minute
	deploymentName   = 64 // bytes, at most
	deploymentFailed = "DeploymentFailed"
)

// A deployment is what is remembered of one, until the process ends: what it has made
// are resources like any.
type deployment struct {
	id, name string
	began    time.Time
	shown    map[string]any
	made     []string // resource ids
}

// deployments are those of all groups, the oldest first.
type deployments struct {
	mu  sync.Mutex
	all []*deployment
}

func (d *deployments) find(id string) *deployment {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, one := range d.all {
		if strings.EqualFold(one.id, id) {
			return one
		}
	}
	return nil
}

// put keeps one, or with nil none, in the place of what has its id.
func (d *deployments) put(id string, one *deployment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.all {
		if strings.EqualFold(d.all[i].id, id) {
			d.all = append(d.all[:i:i], d.all[i+1:]...)
			break
		}
	}
	if one == nil {
		return
	}
	if len(d.all) >= deploymentsKept {
		d.all = d.all[1:]
	}
	d.all = append(d.all, one)
}

// routeDeployment is for what lies below a group's deployments.
func (c *call) routeDeployment(sub, group string, p path) func() error {
	at := groupID(sub, group) + "/providers/" + deploymentType
	if len(p) == 0 {
		return c.arm(c.get(func() error { return c.listDeployments(at) }))
	}
	id := at + "/" + p[0]
	switch {
	case len(p) == 1:
		return c.arm(func() error { return c.deployment(sub, group, p[0], id) })
	case len(p) == 2 && p.is(p[0], "validate"):
		return c.arm(c.post(func() error { return c.validateDeployment(sub, group, p[0], id) }))
	case len(p) == 2 && p.is(p[0], "operations"):
		return c.arm(c.get(func() error { return c.deploymentOperations(id) }))
	}
	return nil
}

func (c *call) deployment(sub, group, name, id string) error {
	switch c.r.Method {
	case http.MethodPut:
		return c.deploy(sub, group, name, id)
	case http.MethodGet, http.MethodHead:
		one, err := c.mayRead(id)
		if err != nil {
			return err
		}
		c.answer(http.StatusOK, one.shown)
		return nil
	case http.MethodDelete: // what it has made stays
		if err := c.may(deploymentType+"/delete", id); err != nil {
			return err
		}
		c.plane.deployments.put(id, nil)
		c.answer(http.StatusNoContent, nil)
		return nil
	}
	if err := c.enter(); err != nil {
		return err
	}
	return noMethod("GET, HEAD, PUT, DELETE")
}

func (c *call) mayRead(id string) (*deployment, error) {
	if err := c.may(deploymentType+"/read", id); err != nil {
		return nil, err
	}
	one := c.plane.deployments.find(id)
	if one == nil {
		return nil, refuse(http.StatusNotFound, "DeploymentNotFound", "The deployment %q was not found; those of before the last start are not kept.", id)
	}
	return one, nil
}

func (c *call) listDeployments(at string) error {
	if err := c.may(deploymentType+"/read", at); err != nil {
		return err
	}
	value := []any{}
	c.plane.deployments.mu.Lock()
	for _, one := range c.plane.deployments.all {
		if rest, below := cutFold(one.id, at+"/"); below && !strings.Contains(rest, "/") {
			value = append(value, one.shown)
		}
	}
	c.plane.deployments.mu.Unlock()
	c.answer(http.StatusOK, map[string]any{"value": value})
	return nil
}

func cutFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

func (c *call) deploymentOperations(id string) error {
	one, err := c.mayRead(id)
	if err != nil {
		return err
	}
	value := []any{}
	for i, made := range one.made {
		value = append(value, map[string]any{"id": fmt.Sprintf("%s/operations/%d", one.id, i), "operationId": fmt.Sprint(i),
			"properties": map[string]any{"provisioningOperation": "Create", "provisioningState": "Succeeded", "timestamp": one.began,
				"statusCode": "OK", "targetResource": map[string]any{"id": made}}})
	}
	c.answer(http.StatusOK, map[string]any{"value": value})
	return nil
}

// readDeployment reads the body of a deployment into a group, which has to be there.
func (c *call) readDeployment(sub, group, name, id, action string) (*manifest.Deployment, error) {
	if err := c.may(deploymentType+action, id); err != nil {
		return nil, err
	}
	if len(name) > deploymentName {
		return nil, refuse(http.StatusBadRequest, codeInvalid, "The name of a deployment has at most %d characters.", deploymentName)
	}
	g := c.plane.findGroup(sub, group)
	if g == nil {
		return nil, noGroup(group)
	}
	if err := c.read(); err != nil {
		return nil, err
	}
	location, _ := c.plane.shown(g)["location"].(string)
	d, err := manifest.ReadDeployment(c.body, manifest.Options{Subscription: sub, Group: group, Location: location})
	if err != nil {
		return nil, invalidTemplate(err)
	}
	if !strings.EqualFold(d.Mode, "Incremental") {
		return nil, refuse(http.StatusBadRequest, codeInvalid, "Mode %.20q is not supported: it would delete what the template does not name. Use Incremental.", d.Mode).at("properties.mode")
	}
	return d, nil
}

// invalidTemplate tells all that is wrong with a template.
func invalidTemplate(err error) error {
	e := refuse(http.StatusBadRequest, "InvalidTemplate", "The template cannot be deployed: %v", err)
	if faults, ok := errors.AsType[manifest.Faults](err); ok {
		for _, f := range faults {
			e.Details = append(e.Details, Detail{Code: "InvalidTemplate", Message: f.Error(), Target: f.Field})
		}
	}
	return e
}

// validateDeployment answers what deploy would, without the outcome of its requests.
func (c *call) validateDeployment(sub, group, name, id string) error {
	d, err := c.readDeployment(sub, group, name, id, "/validate/action")
	if err != nil {
		return err
	}
	var ids []string
	for _, r := range d.Set.Resources {
		ids = append(ids, idOf(r))
	}
	one := c.newDeployment(id, name, d, c.plane.o.Now())
	one.finish(d, ids, "Succeeded", 0)
	c.answer(http.StatusOK, one.shown)
	return nil
}

func (c *call) newDeployment(id, name string, d *manifest.Deployment, began time.Time) *deployment {
	return &deployment{id: id, name: name, began: began, shown: map[string]any{"id": id, "name": name, "type": deploymentType,
		"properties": map[string]any{"mode": "Incremental", "timestamp": began, "correlationId": c.id, "provisioningState": "Running",
			"providers": []any{}, "dependencies": []any{}}}}
}

// finish fills in how it went. Parameters are not repeated: a template says which are
// secrets, and most do not.
func (d *deployment) finish(read *manifest.Deployment, made []string, state string, took time.Duration) {
	p := d.shown["properties"].(map[string]any)
	p["provisioningState"], p["duration"] = state, fmt.Sprintf("PT%.3fS", took.Seconds())
	p["outputs"] = read.Outputs
	resources := []any{}
	for _, id := range made {
		resources = append(resources, map[string]any{"id": id})
	}
	p["outputResources"], p["validatedResources"] = resources, resources
	d.made = made
}

// deploy makes the resources of a template. The first that is refused ends it; what was
// made before stays, as always with Resource Manager, and the same again goes on.
func (c *call) deploy(sub, group, name, id string) error {
	d, err := c.readDeployment(sub, group, name, id, "/write")
	if err != nil {
		return err
	}
	began := c.plane.o.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), deploymentsTime) // a caller who leaves does not leave half of it
	defer cancel()
	one := c.newDeployment(id, name, d, began)
	made, err := c.makeAll(ctx, d.Set.Resources)
	state := "Succeeded"
	if err != nil {
		state = "Failed"
	}
	one.finish(d, made, state, c.plane.o.Now().Sub(began))
	status := http.StatusCreated
	if c.plane.deployments.find(id) != nil {
		status = http.StatusOK
	}
	c.plane.deployments.put(id, one)
	if err != nil {
		return err
	}
	c.answer(status, one.shown)
	return nil
}

func (c *call) makeAll(ctx context.Context, list []*manifest.Resource) (made []string, err error) {
	stages := manifest.Stages(list, func(ns string) bool {
		found := false
		c.plane.set.EachNamespace("", func(r *resource.Resource) bool {
			found = found || strings.EqualFold(r.Name, ns)
			return !found
		})
		return found
	})
	seen := map[string]bool{}
	for _, level := range manifest.Levels(stages) {
		for _, r := range level {
			id := idOf(r)
			if why := c.part(ctx, id, r.JSON()); why != nil {
				e := refuse(why.Status, deploymentFailed, "%s: %s. What was made before stays; the same deployment goes on from there.", r, strings.TrimSuffix(why.Message, "."))
				e.Details = append([]Detail{{Code: why.Code, Message: why.Message, Target: id}}, why.Details...)
				return made, e
			}
			if !seen[id] {
				seen[id] = true
				made = append(made, id)
			}
		}
	}
	return made, nil
}

// idOf is the resource id of what a template describes.
func idOf(r *manifest.Resource) string {
	if r.Scope != "" {
		return strings.TrimSuffix(r.Scope, "/") + "/providers/" + authorization + "/roleAssignments/" + r.Name
	}
	return strings.Join(append([]string{namespaceID(r.Subscription, r.Group, r.Namespace)}, r.Path()...), "/")
}

// part is one request of a deployment, by its caller. nil: it succeeded.
func (c *call) part(ctx context.Context, id string, body []byte) *Error {
	var escaped strings.Builder
	for part := range strings.SplitSeq(strings.Trim(id, "/"), "/") {
		escaped.WriteString("/" + url.PathEscape(part))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, escaped.String()+"?api-version="+Newest, bytes.NewReader(body))
	if err != nil {
		return refuse(http.StatusBadRequest, codeInvalid, "The name %.200q cannot be used.", id)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Host, r.TLS = c.r.Host, c.r.TLS
	answer := &answered{header: http.Header{}}
	inner := &call{plane: c.plane, w: answer, r: r, id: c.id, from: c.from, caller: c.caller}
	if err := inner.serve(); err != nil {
		inner.blame(err)
		return errorFor(err)
	}
	if answer.status >= http.StatusBadRequest {
		var refused struct{ Error *Error }
		if json.Unmarshal(answer.body.Bytes(), &refused) == nil && refused.Error != nil {
			refused.Error.Status = answer.status
			return refused.Error
		}
		return refuse(answer.status, codeInvalid, "The resource was refused.")
	}
	return nil
}

// answered keeps the answer to a part.
type answered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answered) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answered) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answered) Write(b []byte) (int, error) { return a.body.Write(b) }
