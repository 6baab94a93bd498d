package main

import (
	"context"
	"strings"

	plane "gridmq/control/client"
	"gridmq/control/manifest"
)

// Custom topics belong to no namespace. People name them without their place, which is
// found by looking at all of them.

// customTopics are those of all subscriptions.
func (p *places) customTopics(ctx context.Context, filter string) (all []*plane.Resource, err error) {
	subs, err := p.c.List(ctx, "/subscriptions", "")
	if err != nil {
		return nil, err
	}
	for _, sub := range subs {
		list, err := p.c.List(ctx, sub.ID+"/providers/Microsoft.EventGrid/topics", filter)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// topicID is the resource id of a custom topic, or of an event subscription of one. What
// says no place is where a topic of the name is, else where the server keeps what says
// none.
func (p *places) topicID(ctx context.Context, r *manifest.Resource) (string, error) {
	topic, subscription, nested := strings.Cut(r.Name, "/")
	place := plane.Place{Subscription: r.Subscription, Group: r.Group}
	if place == (plane.Place{}) {
		all, err := p.customTopics(ctx, "")
		if err != nil {
			return "", err
		}
		for _, one := range all {
			parts := strings.Split(one.ID, "/") // "", subscriptions, s, resourceGroups, g, ...
			if strings.EqualFold(one.Name, topic) && len(parts) > 4 {
				place, topic = plane.Place{Subscription: parts[2], Group: parts[4]}, one.Name
			}
		}
	}
	if nested {
		return place.TopicID(topic, "eventSubscriptions", subscription), nil
	}
	return place.TopicID(topic), nil
}

// apart are the resources of a kind that lies in no namespace.
func (p *places) apart(ctx context.Context, kind *manifest.Kind, filter string) (all []*plane.Resource, err error) {
	if kind == manifest.CustomTopic {
		return p.customTopics(ctx, filter)
	}
	topics, err := p.customTopics(ctx, "")
	for _, one := range topics {
		list, err := p.c.List(ctx, one.ID+"/eventSubscriptions", filter)
		if plane.IsNotFound(err) { // it has gone meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, err
}
