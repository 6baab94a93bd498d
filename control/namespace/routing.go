package namespace

import (
	"bytes"
	"encoding/json"
	"slices"

	"gridmq/identity"
)

// A Routing is what a namespace says about routing, as it was written: whoever routes
// reads it (Rules.Routing). Nil members were not given.
type Routing struct {
	Namespace   string          // its name
	Topic       string          // topicSpacesConfiguration.routeTopicResourceId
	Enrichments json.RawMessage // topicSpacesConfiguration.routingEnrichments
	Routes      json.RawMessage // gridmq.routes
	Azure       bool            // the profile is azure
}

const (
	routesField = "properties.gridmq.routes"
	maxRoutes   = 256 << 10 // bytes
	maxTargets  = 1000      // topics that routes name
)

// routing collects what is said, and has it read.
func (r *reader) routing(properties *identity.Properties) {
	n := r.n
	spaces, _ := properties.Object("topicSpacesConfiguration")
	ours, _ := properties.Object("gridmq")
	n.Routing = Routing{Namespace: n.Name, Topic: n.RouteTopic, Azure: n.GridMQ.Profile == Azure}
	n.Routing.Enrichments = compacted(spaces, "routingEnrichments")
	n.Routing.Routes = compacted(ours, "routes")
	n.GridMQ.Routes = n.Routing.Routes
	if n.RouteTopic != "" {
		n.Topics = []string{n.RouteTopic}
	}
	switch {
	case len(n.Routing.Routes) > maxRoutes:
		r.Fail(routesField, "is too long")
		return
	case r.rules.Routing == nil:
		if n.Routing.Routes != nil && !r.stored {
			r.Fail(routesField, "is nothing that this server can do; it has routeTopicResourceId")
		}
		return
	}
	topics, err := r.rules.Routing(n.Routing)
	if !r.stored { // what was taken once does not keep a namespace from being read
		r.joinNew(err)
	}
	if len(topics) > maxTargets {
		r.Fail(routesField, "names too many topics")
		return
	}
	for _, id := range topics {
		if !slices.Contains(n.Topics, id) {
			n.Topics = append(n.Topics, id)
		}
	}
}

// joinNew adds the faults of err in fields of which nothing was said yet.
func (r *reader) joinNew(err error) {
	seen := map[string]bool{}
	for _, f := range identity.FieldErrors(r.Err()) {
		seen[f.Field] = true
	}
	for _, f := range identity.FieldErrors(err) {
		if !seen[f.Field] {
			r.Join(f)
		}
	}
}

func compacted(p *identity.Properties, name string) json.RawMessage {
	raw, given := p.Raw(name)
	if !given {
		return nil
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}
