package tenants

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"gridmq/access"
	"gridmq/control"
	"gridmq/identity"
	"gridmq/topic"
)

// A registry is what an explanation asks: that of a tenant, or of a forecast.
type registry interface {
	ByName(name string) *identity.Client
	ByAuthenticationName(name string) *identity.Client
}

// Explain implements control.Explainer, by the rules that decide. With changes that are
// assumed it asks a forecast, as a dry run does.
func (t *Tenants) Explain(_ context.Context, namespace string, q control.Question) (*control.Explanation, error) {
	n := t.tenant(namespace)
	if n == nil {
		return nil, fmt.Errorf("no namespace %q", namespace)
	}
	op, ok := map[string]access.Operation{"connect": access.Connect, "publish": access.Publish, "subscribe": access.Subscribe}[q.Action]
	if !ok {
		return nil, fmt.Errorf("action %q: want connect, publish or subscribe", q.Action)
	}
	clients := registry(n.registry)
	if len(q.Changes) > 0 {
		f := n.forecast(q.Changes)
		n, clients = f.next, futureClients{f}
	}
	p, step, err := n.asked(q, clients)
	if err != nil {
		return nil, err
	}
	if op == access.Subscribe {
		if _, filter, _, err := topic.ParseShare(q.Topic); err == nil {
			q.Topic = filter
		}
	}
	groups := n.registry.GroupsOf(p)
	e := n.policy.Load().Explain(p, groups, op, q.Topic)
	verdict, _, _ := strings.Cut(e.String(), "\n") // the rest is in the steps
	out := &control.Explanation{Allowed: e.Allowed, Reason: verdict, Steps: []control.ExplanationStep{step}}
	if !step.Passed {
		out.Allowed, out.Reason = false, step.What+" "+step.Result
	}
	for _, obstacle := range n.obstacles(p, clients) {
		out.Steps = append(out.Steps, obstacle)
		if !obstacle.Passed {
			out.Allowed, out.Reason = false, obstacle.What+": "+obstacle.Result
		}
	}
	for _, g := range groups {
		out.Steps = append(out.Steps, control.ExplanationStep{What: "client group " + g, Result: "holds the client", Passed: true})
	}
	for _, l := range e.Looked {
		s := control.ExplanationStep{What: source(l.Rule), Result: "gives " + l.Permission.String() + " on topic space " + l.Space, Passed: l.Problem == ""}
		if l.Problem != "" {
			s.Result = l.Problem
		}
		out.Steps = append(out.Steps, s)
	}
	if e.Rule != nil {
		out.Steps = append(out.Steps, control.ExplanationStep{What: "topic template " + e.Rule.Template, Result: "has the topic", Passed: true, Detail: e.Filter})
	}
	for _, r := range e.Rights {
		s := control.ExplanationStep{What: "topic template " + r.Template, Result: "gives " + r.Permission.String() + ", by " + source(r.Rule),
			Passed: r.Problem == "", Detail: strings.Join(r.Filters, ", ")}
		if r.Problem != "" {
			s.Result = r.Problem
		}
		out.Steps = append(out.Steps, s)
	}
	for _, m := range e.Misses {
		out.Steps = append(out.Steps, control.ExplanationStep{What: "topic template " + m.Template, Result: m.Text, Detail: m.Filter})
	}
	return out, nil
}

func source(r access.Rule) string {
	if r.Binding == "" {
		return "role assignment " + r.Role
	}
	return "permission binding " + r.Binding
}

// asked is the client of a question: one of the registry, or one that comes with a
// token and these attributes.
func (n *tenant) asked(q control.Question, clients registry) (*identity.Principal, control.ExplanationStep, error) {
	c := clients.ByName(q.Client)
	if c == nil {
		c = clients.ByAuthenticationName(q.Client)
	}
	if c != nil && q.Attributes == nil {
		return c.Principal(identity.Certificate), control.ExplanationStep{What: "client " + c.Name,
			Result: "is in the registry, with authentication name " + c.AuthenticationName, Passed: true}, nil
	}
	if c == nil && q.Attributes == nil && n.hasRole(q.Client) {
		return &identity.Principal{Name: q.Client, Method: identity.DirectoryToken, Object: q.Client},
			control.ExplanationStep{What: "client " + q.Client, Result: "is an object of the directory that role assignments name; it comes with a token", Passed: true}, nil
	}
	doc, err := json.Marshal(q.Attributes)
	if err != nil {
		return nil, control.ExplanationStep{}, err
	}
	p := &identity.Principal{Name: q.Client, Method: identity.CustomToken}
	if q.Attributes != nil {
		if p.Attributes, err = identity.ParseAttributes(doc, true); err != nil {
			return nil, control.ExplanationStep{}, err
		}
	}
	m := n.methods.Load()
	if c == nil && q.Attributes == nil && m.custom == nil && m.webhook == nil && n.noun().GridMQ.Enrolment == nil {
		return p, control.ExplanationStep{What: "client " + q.Client, Result: "is not in the registry, and no tokens or webhook are configured: it cannot connect"}, nil
	}
	return p, control.ExplanationStep{What: "client " + q.Client, Result: "is taken as one that comes with a token", Passed: true}, nil
}

// hasRole says whether a role assignment is for an object id.
func (n *tenant) hasRole(object string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.roles {
		if strings.EqualFold(r.Principal, object) {
			return true
		}
	}
	return false
}

// obstacles are what stands in the way besides permissions.
func (n *tenant) obstacles(p *identity.Principal, clients registry) (list []control.ExplanationStep) {
	if c := clients.ByName(p.Client); p.Client != "" && c != nil && c.State == identity.StateDisabled {
		list = append(list, control.ExplanationStep{What: "client " + c.Name, Result: "is disabled"})
	}
	for _, b := range *n.bans.Load() {
		if !b.Addresses.IsValid() && b.ClientID == "" && b.Holds(p.Name, "", b.Addresses.Addr(), time.Now()) {
			list = append(list, control.ExplanationStep{What: "ban " + b.Name, Result: "keeps the client out: " + b.Reason})
		}
	}
	if !n.noun().MQTTEnabled {
		list = append(list, control.ExplanationStep{What: "namespace " + n.name, Result: "has its MQTT broker disabled (topicSpacesConfiguration.state)"})
	}
	return list
}
