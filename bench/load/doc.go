// Package load puts an MQTT broker under a known load, and says what came of it:
// messages a second, lost, latency.
//
// It must not be the bottleneck, as it often shares the machine with the broker.
// So it does not use the client package's Client but raw sockets: PUBLISH packets
// are encoded once and patched, as many as the window allows go out in one write,
// and the reader looks at nothing but fixed headers, packet ids and the 24 bytes
// that open each payload (see payload.go).
//
// Load is paced by windows, the same for every broker: a publisher has at most
// Window messages unacknowledged (QoS 1 and 2), and at most so many not yet
// received by the subscribers (any QoS). So a broker that is slower is asked for
// less, none has to drop, and "lost: 0" means something.
//
// The scenarios of the event plane (EventScenarios) publish the same payloads, and look
// for them in the events that are received or pushed.
//
// Units: sizes are bytes, rates are messages a second, times are time.Duration.
// Errors: those of dialling and of the broker's refusals, wrapped with the
// client id in hand; messages that did not arrive are not an error but counted.
// Source: issue 3, parts 2 and 3, and issue 5 of the project.
package load
