// Package behaviour says what GridMQ does for its clients, from outside, with
// the clients people use: Eclipse Paho for MQTT 5 (paho.golang) and 3.1.1
// (paho.mqtt.golang), and mosquitto_pub and mosquitto_sub as processes.
//
// There is one body for each behaviour. It runs for both protocol versions, over
// tcp, tls, ws and wss, on the memory and the Pebble store: each behaviour meets
// every version, transport and store, and every pair of those (matrix_test.go).
// The broker is package server in this process; a behaviour that changes
// settings or restarts the broker has one of its own, the others share one for
// each store. What a broker logs as a warning fails the test.
//
// What Paho hides (acknowledgements with an error code, broken flows, several
// subscription identifiers) is written by hand: wire_test.go.
//
// It is a module of its own, so that the clients are no dependencies of the
// broker:
//
//	cd test/behaviour && go test -race ./...
//	go test -run TestRedelivery                    # some behaviours
//	go test -run '/5-wss-pebble$'                  # one combination
//	BEHAVIOUR_LOG=debug go test -v -run TestWill   # with the broker's log
//
// Units: times are wall clock. Nothing sleeps: what must happen is awaited, and
// what must not happen is given a short time (silence) or the time of something
// that is known to happen later.
// Sources: OASIS MQTT 5.0 and 3.1.1; shared/design.md sections 3 to 6.
package behaviour
