// Package server assembles a node from a Config and runs it: the store, the
// broker, the listeners, the operator's endpoint. cmd and tests both start this.
//
// It decides nothing about MQTT. It owns the order of starting (lock, store,
// broker, listeners, ready) and of stopping (not ready, stop accepting,
// DISCONNECT 0x8B, flush, close), and what can change while running.
//
// Units: sizes are bytes, times time.Duration.
// Errors: New and Run say which setting or step failed; a configuration error
// is settings.Problems, each with its line.
// Source: design.md sections 2, 6 and 7.
package server
