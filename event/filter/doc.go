// Package filter decides which events an event subscription gets: by type and by
// conditions on attributes and on members of JSON data.
//
// [Parse] reads the filtersConfiguration of a subscription into a [Config]; a [Set]
// compiles those of all subscriptions of a topic, so that what they ask for is looked
// up once per event: attributes first, data in one pass and only when a condition on
// an attribute has not decided already. Matching allocates nothing but for buffers
// that an event beyond 64 KB needs. It takes time linear in the event, once, and then
// a search in one value for each condition.
//
// A Set does not change and may be used by many goroutines; make a new one when a
// subscription changes. There is no I/O and no clock.
//
// Errors: [Parse] gives joined *[FieldError], each with the path of the field below
// filtersConfiguration.
//
// Source: spec/namespace-topics.md, section 8, whose subsections are named here as
// 8.1 to 8.5; spec/routing.md, section 6.
package filter
