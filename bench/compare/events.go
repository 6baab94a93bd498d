//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gridmq/bench/load"
	"gridmq/control/client"
	"gridmq/internal/freeport"
)

// An eventPlane is what the namespace of a workload has for events. Mosquitto has
// nothing of the kind.
type eventPlane struct {
	topics  []eventTopic
	noRoute bool // events come over HTTP
}

// An eventTopic has one event subscription.
type eventTopic struct {
	name   string
	filter string // of the route to it
	hook   string // its subscription pushes; "": it is pulled
	batch  int    // events in a push
}

// enrichments are those that the routed messages get.
const enrichments = `routingEnrichments: {static: [{key: site, value: lyon-2, valueType: String}], dynamic: [{key: sender, value: '${client.authenticationName}'}]}`

func pulled() *eventPlane {
	return &eventPlane{topics: []eventTopic{{name: load.EventTopic, filter: "bench/#"}}}
}

func published() *eventPlane {
	return &eventPlane{topics: []eventTopic{{name: load.EventTopic}}, noRoute: true}
}

func pushedIn(batch int) *eventPlane {
	return &eventPlane{topics: []eventTopic{{name: load.EventTopic, filter: "bench/#", hook: load.PushSub, batch: batch}}}
}

// byTurns has a topic for every turn.
func byTurns() *eventPlane {
	p := &eventPlane{}
	for i, name := range load.Turns() {
		t := eventTopic{name: name, filter: fmt.Sprintf("bench/+/w/%d/#", i), hook: name, batch: 100}
		if name == load.TurnNone {
			t.hook = ""
		}
		p.topics = append(p.topics, t)
	}
	return p
}

// hooks listens for all that is pushed. The ports are below those of outgoing
// connections, so that a dead webhook can come back to its own.
func (p *eventPlane) hooks() (map[string]*load.Hook, error) {
	all := map[string]*load.Hook{}
	if p == nil {
		return all, nil
	}
	for _, t := range p.topics {
		if t.hook == "" {
			continue
		}
		port, err := freeport.TCP()
		if err == nil {
			all[t.hook], err = load.NewHook(fmt.Sprintf("127.0.0.1:%d", port))
		}
		if err != nil {
			delete(all, t.hook)
			closeAll(all)
			return nil, err
		}
	}
	return all, nil
}

func closeAll(hooks map[string]*load.Hook) {
	for _, h := range hooks {
		h.Close()
	}
}

// routes are those of the namespace, as properties.gridmq has them. By their ids apply
// sees that the topics come first.
func (p *eventPlane) routes() string {
	if p == nil || p.noRoute {
		return "[]"
	}
	var all []string
	for _, t := range p.topics {
		all = append(all, fmt.Sprintf("{destination: %s/topics/%s, topicFilter: '%s'}", namespaceID, t.name, t.filter))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// manifest is topics and event subscriptions.
func (p *eventPlane) manifest(hooks map[string]*load.Hook) string {
	if p == nil {
		return ""
	}
	var m strings.Builder
	for _, t := range p.topics {
		fmt.Fprintf(&m, "---\n{kind: Topic, namespace: %s, name: %s}\n", securedNamespace, t.name)
		how, name := "{deliveryMode: Queue}", load.PullSub
		if h := hooks[t.hook]; h != nil {
			name = load.PushSub
			how = fmt.Sprintf("{deliveryMode: Push, push: {maxDeliveryCount: 10, destination: {endpointType: WebHook, properties: {endpointUrl: %q, maxEventsPerBatch: %d}}}}", h.URL(), t.batch)
		}
		fmt.Fprintf(&m, "---\n{kind: EventSubscription, namespace: %s, name: %s/%s, properties: {deliveryConfiguration: %s}}\n", securedNamespace, t.name, name, how)
	}
	return m.String()
}

// events finds what the load needs to know of a broker that has its namespace.
func (g gridMQ) events(ctx context.Context, dir string, hooks map[string]*load.Hook) (*load.Events, error) {
	b, err := os.ReadFile(filepath.Join(dir, "ready.json"))
	if err != nil {
		return nil, err
	}
	var r struct{ HTTPS, Management string }
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, err
	}
	https, err := url.Parse(r.HTTPS)
	if err != nil || https.Port() == "" {
		return nil, errors.New("ready.json names no HTTPS listener")
	}
	key, err := g.key(ctx, dir, r.Management)
	if err != nil {
		return nil, err
	}
	return &load.Events{
		URL: "https://" + securedHost + ":" + https.Port() + "/ns/" + securedNamespace, Key: key,
		TLS: &tls.Config{RootCAs: g.certs.roots}, Hooks: hooks,
	}, nil
}

const namespaceID = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/gridmq/providers/Microsoft.EventGrid/namespaces/" + securedNamespace

// key is an access key of the namespace.
func (g gridMQ) key(ctx context.Context, dir, management string) (string, error) {
	token, err := os.ReadFile(filepath.Join(dir, "operator.token"))
	if err != nil {
		return "", err
	}
	ca, err := os.ReadFile(g.certs.ca)
	if err != nil {
		return "", err
	}
	m, err := client.New(client.Options{URL: management, Token: strings.TrimSpace(string(token)), CA: ca})
	if err != nil {
		return "", err
	}
	defer m.Close()
	key, _, err := m.Keys(ctx, namespaceID)
	return key, err
}
