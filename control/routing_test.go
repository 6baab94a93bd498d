package control_test

import (
	"encoding/json"
	"strings"
	"testing"

	"gridmq/control"
	"gridmq/control/namespace"
	"gridmq/identity"
)

// routesOf stands in for the room that routes: a list of topics.
func routesOf(r namespace.Routing) (topics []string, err error) {
	if r.Routes != nil && json.Unmarshal(r.Routes, &topics) != nil {
		return nil, &identity.FieldError{Field: "properties.gridmq.routes", Reason: "want a list"}
	}
	if strings.Contains(string(r.Enrichments), "${client.shoeSize}") {
		return nil, &identity.FieldError{Field: "properties.topicSpacesConfiguration.routingEnrichments.dynamic[0].value", Reason: "is no variable"}
	}
	return topics, nil
}

// What is said about routing is read by who routes; the topics it names have to be there
// and stay.
func TestRoutes(t *testing.T) {
	b := newBench(t, func(o *control.Options) { o.Rules.Routing = routesOf })
	b.must(201, "PUT "+plant, `{"location":"local"}`)
	routes := func(list string) string { return `{"properties":{"gridmq":{"routes":` + list + `}}}` }
	for body, target := range map[string]string{
		routes(`{}`):                  "properties.gridmq.routes",
		routes(`["` + orders + `"]`):  "properties.gridmq.routes",
		routes(`["/somewhere/else"]`): "properties.gridmq.routes",
		`{"properties":{"topicSpacesConfiguration":{"routeTopicResourceId":"/somewhere/else"}}}`:                                           "properties.topicSpacesConfiguration.routeTopicResourceId",
		`{"properties":{"topicSpacesConfiguration":{"routingEnrichments":{"dynamic":[{"key":"a","value":"${client.shoeSize}"}]}}}}`:        "properties.topicSpacesConfiguration.routingEnrichments.dynamic[0].value",
		`{"properties":{"topicSpacesConfiguration":{"routingEnrichments":{"static":[{"key":"azspx","value":"b","valueType":"String"}]}}}}`: "properties.topicSpacesConfiguration.routingEnrichments.static[0].key",
		`{"properties":{"topicSpacesConfiguration":{"routingIdentityInfo":{"type":"SystemAssigned"}}}}`:                                    "properties.topicSpacesConfiguration.routingIdentityInfo.type",
	} {
		if a := b.must(400, "PATCH "+plant, body); a.at("error.target") != target {
			t.Errorf("%s: %s, want it about %s", body, a.text, target)
		}
	}
	b.must(201, "PUT "+orders, `{}`)
	b.must(201, "PUT "+plant+"/topics/other", `{}`)
	a := b.must(200, "PATCH "+plant, `{"properties":{"topicSpacesConfiguration":{"routeTopicResourceId":"`+plant+`/topics/other",
		"routingEnrichments":{"dynamic":[{"key":"hall","value":"${client.attributes.hall}"}]}},"gridmq":{"routes":["`+orders+`"]}}}`)
	if quote(a.at("properties.gridmq.routes")) != `["`+orders+`"]` {
		t.Errorf("shown %s", a.text)
	}
	n := b.plane.Resources().Namespace("plant").Noun.(*namespace.Namespace)
	if string(n.Routing.Routes) != `["`+orders+`"]` || n.Routing.Topic != plant+"/topics/other" || !strings.Contains(string(n.Routing.Enrichments), "attributes.hall") {
		t.Errorf("for who routes: %+v", n.Routing)
	}
	if again := b.must(200, "PUT "+plant, a.text); quote(again.at("properties")) != quote(a.at("properties")) {
		t.Errorf("GET and PUT have changed it: %s", again.text)
	}
	for topic, why := range map[string]string{orders: "properties.gridmq.routes", plant + "/topics/other": "routeTopicResourceId"} {
		if a := b.must(409, "DELETE "+topic, ""); !strings.Contains(a.text, why) {
			t.Error(a.text)
		}
	}
	b.must(200, "PATCH "+plant, routes("null"))
	b.must(200, "DELETE "+orders, "")
}

// The room that routes reads what is said about it.
func TestRoutesAreRead(t *testing.T) {
	b := newBench(t, nil)
	b.eventful()
	bad := b.must(400, "PATCH "+plant, `{"properties":{"gridmq":{"routes":[{"destination":"orders","topicFilter":"a/#/b"}]},
		"topicSpacesConfiguration":{"routingEnrichments":{"dynamic":[{"key":"a","value":"${client.shoeSize}"}],"static":[{"key":"azspx","value":"b","valueType":"String"}]}}}}`)
	for _, field := range []string{"gridmq.routes[0].topicFilter", "routingEnrichments.dynamic[0].value", "routingEnrichments.static[0].key"} {
		if strings.Count(bad.text, field+`"`) == 0 {
			t.Errorf("want a fault of %s: %s", field, bad.text)
		}
	}
	if list, _ := bad.at("error.details").([]any); len(list) != 3 {
		t.Errorf("want three faults: %s", bad.text)
	}
	b.must(400, "PATCH "+plant, `{"properties":{"gridmq":{"routes":[{"destination":"none"}]}}}`)
	b.must(200, "PATCH "+plant, `{"properties":{"gridmq":{"routes":[{"destination":"orders","topicFilter":"a/#"}]}}}`)
	b.must(409, "DELETE "+orders, "")
}
