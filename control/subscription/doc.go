// Package subscription is the resource
// Microsoft.EventGrid/namespaces/topics/eventsubscriptions: who gets which events of a
// topic and how, read from JSON with every rule checked, and written back.
//
// The URL of a webhook and the values of secret headers are secrets: they are stored,
// shown only to who may ask for them, and kept when a request leaves them out.
//
// Units: in JSON as its members say; durations are ISO 8601 and given back as they
// came. Errors: joined *identity.FieldError, whose Field is the path below properties.
// Source: spec/control-plane.md, sections 3.4 and 4.9; spec/namespace-topics.md,
// sections 7 to 10, 13.2.
package subscription
