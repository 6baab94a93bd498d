// Package freeport finds TCP ports for tests and benchmarks that must know one before
// somebody listens on it, or must find it free again after a restart.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports that systems do not give to outgoing connections: one of those would be in the
// way of a broker that is started again.
const (
	lowest = 10_000
	count  = 20_000
)

var (
	mu   sync.Mutex
	gone = map[int]bool{} // given out by this process
)

// TCP returns a port that nobody listens on now, and that this process gets only once.
func TCP() (port int, err error) {
	mu.Lock()
	defer mu.Unlock()
	for range 200 {
		port = lowest + rand.IntN(count)
		if gone[port] {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			gone[port] = true
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port: %w", err)
}
