// Package customtopic is the resources Microsoft.EventGrid/topics, a topic that events
// are published to at /api/events, and its event subscriptions, which push them; read
// from JSON with every rule checked, and written back.
//
// An event subscription has another shape here than below a namespace, and means the
// same: it is read as one of package subscription, whose rules hold. What it says in its
// own words (filter, retryPolicy) is kept and given back as it came.
//
// Units: as the members say; eventTimeToLiveInMinutes is minutes. Errors: joined
// *identity.FieldError, whose Field is, of a topic, the path from the top of the
// resource, and of an event subscription the path below properties.
// Source: Azure's REST API of Microsoft.EventGrid, version 2025-02-15, Topics and Topic
// Event Subscriptions; spec/routing.md, section 1; spec/namespace-topics.md, section 16.
package customtopic
