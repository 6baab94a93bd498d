// Package bridge links a namespace to another MQTT broker: another GridMQ, Event Grid,
// Mosquitto, EMQX. What its topic maps say goes out, comes in, or both.
//
// A bridge is a client on both sides. On our own broker it has a session that lasts:
// that is its store and forward, as a message is durable there before its publisher is
// acknowledged. Only while the link is up it is connected to that session; what it takes
// from one side it acknowledges when the other has acknowledged it. So a message crosses
// at least once, whatever dies on the way. See docs/decisions/017-bridge-session.md.
//
// Units: sizes are bytes, intervals time.Duration.
// Errors: those of Check name the map that is wrong; a link that fails is tried again
// for as long as Run runs, and says so in the log and in Stats.
// Source: issue 5, part 10; OASIS MQTT 5.0 sections 3.8.3.1, 4.4 and 4.6; the format of
// the maps is that of mosquitto.conf(5), "topic".
package bridge
