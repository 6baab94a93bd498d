// Package resourcelog writes resource logs: what Event Grid's diagnostic settings give, one
// JSON object a line, in seven categories that can be chosen one by one.
//
// Whoever has something to tell never waits. A record goes into a bounded queue, from which
// one goroutine writes; those of failed publishes and of HTTP requests, which may be
// thousands a second, are counted together for a minute before. What finds no room is
// dropped, and counted.
//
// Records have no payloads and no credentials: nobody gives any to this package. Texts of
// clients are cut off behind 1 KiB.
//
// Units: times are UTC. Errors: of Open only, the file's.
// Source: spec/limits-and-metrics.md, section 3; for the two HTTP categories the columns of
// Azure Monitor's tables EGNSuccessfulHttpDataPlaneOperations and its counterpart.
package resourcelog
