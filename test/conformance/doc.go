// Package conformance holds a broker to MQTT 5.0 and MQTT 3.1.1, one normative
// statement after the other, from the outside.
//
// It speaks over raw sockets and writes its packets byte by byte; it does not
// import gridmq/mqtt, so that a mistake of our codec cannot hide itself.
// A subtest carries the number of its statement, for instance
// TestMQTT5/MQTT-3.1.4-3. The files statements*_test.go declare every numbered
// statement of both standards; TestComplete proves that each of them has its
// test or a reason why not, and TestTable writes docs/conformance.md.
//
//	go test ./test/conformance                              # one GridMQ, started here
//	go test ./test/conformance -run MQTT5/MQTT-3.1.4-3      # one statement
//	go test ./test/conformance -run TestTable -update       # write the table again
//
// Another broker is tested by naming it:
//
//	GRIDMQ_CONFORMANCE_ADDR=host:port        plain MQTT; anybody may do anything there
//	GRIDMQ_CONFORMANCE_WS=host:port          MQTT over WebSocket; without it chapter 6 is skipped
//	GRIDMQ_CONFORMANCE_AUTH=method:data      an authentication that succeeds (MQTT 5 AUTH)
//
// Units: times are wall clock. The suite waits only where the standard counts
// in seconds (keep alive, expiry, will delay) and, briefly, to prove silence.
// Sources: OASIS MQTT 5.0 (7 March 2019), appendix B, and MQTT 3.1.1 with
// errata 01 (10 December 2015), appendix B. The gists are our own words.
package conformance
