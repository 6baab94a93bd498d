package resource

import (
	"errors"

	"gridmq/control/namespace"
	"gridmq/identity"
	"gridmq/route"
)

// ReadRouting has the room that routes read what a namespace says about it: it is for
// namespace.Rules.Routing.
func ReadRouting(r namespace.Routing) (topics []string, err error) {
	c, err := route.Read(route.Documents{Namespace: r.Namespace, Topic: r.Topic, Enrichments: r.Enrichments, Routes: r.Routes})
	if err != nil {
		return nil, routingFaults(err)
	}
	for _, one := range c.Routes {
		topics = append(topics, one.Destination.ResourceID("/providers/Microsoft.EventGrid/namespaces/"+r.Namespace))
	}
	return topics, nil
}

// routingFaults gives the faults that route found in the form of ours.
func routingFaults(err error) error {
	switch e := err.(type) {
	case *route.FieldError:
		return &identity.FieldError{Field: "properties." + e.Field, Reason: e.Reason}
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range e.Unwrap() {
			all = append(all, routingFaults(one))
		}
		return errors.Join(all...)
	}
	return &identity.FieldError{Field: "properties", Reason: err.Error()}
}
