// Package client is GridMQ's own MQTT client, for 3.1.1 and 5.0: what pub, sub,
// bench and the bridge speak to a broker with.
//
// A Client is one network connection. When that ends the Client has ended, and
// Done and Err say so; nothing reconnects by itself. What must outlive a
// connection (packet ids, unacknowledged messages) lies in a Session, which the
// next Connect may take over, and Reconnect is the loop that does so with a
// back-off.
//
// Every call takes a context first and ends with it, and is bounded by a
// time-out of Options as well. Memory is bounded: outbound by the in-flight
// window and one write buffer, inbound by the Receive Maximum and one queue.
//
// Units: sizes are bytes; intervals are time.Duration, rounded up to the whole
// seconds of the wire.
// Errors: *RefusedError (the broker said no, with its reason), *ClosedError (the
// broker or the network ended the connection), ErrUnacknowledged (the outcome
// is unknown); anything else is an *mqtt.Error or comes from the network.
// Source: OASIS MQTT 5.0 and 3.1.1, the client's side.
package client
