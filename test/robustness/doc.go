// Package robustness tests the broker where things go wrong: the process is
// killed, the store says no, the disk is full, clients never read, and many
// come at once.
//
// Most tests drive the real binary, which they build once (GRIDMQ_BINARY names
// another), over real sockets; those that need a store failing at one exact
// call run the broker in process. What clients saw is written down and checked
// against a small model, so that a test says "this session lost message 17 of
// this topic" and not "count differs".
//
// Brokers are children of the test: ended by their process, killed with it.
//
// Environment:
//
//	GRIDMQ_BINARY    use this broker instead of building one
//	GRIDMQ_LARGE=1   run the start-up measurement, which takes two minutes
//	CI=true          what cannot run here fails instead of being skipped
//
// Source: design.md sections 1, 3, 4 and 5; OASIS MQTT 5.0 sections 4.1, 4.3,
// 4.4 and 4.6.
package robustness
