package listener

import (
	"crypto/tls"
	"net"
	"time"
)

// A Conn is one connection, past all handshakes: a stream of bytes each way.
//
// One goroutine reads (Wait, Read). One at a time writes (Push, Drain); the
// caller sees to that. Close and Pending may be called by anybody.
type Conn interface {
	// Wait blocks until something can be read, the read deadline passes or the
	// connection ends. It holds no buffer. After nil, Read does not block for
	// long, and it tells of an end that Wait did not.
	Wait() error
	// Read reads what is there, and waits if there is nothing.
	Read(b []byte) (int, error)
	// Push takes all of b (which may be reused at once) and tries one
	// non-blocking write. Not done: bytes are left inside, call Drain. An error
	// is final. (While a Drain runs, it writes nothing and leaves b to the Drain;
	// so it never waits, even where a caller fails to serialise the two.)
	Push(b []byte) (done bool, err error)
	// Drain blocks until everything pushed has been written. When that takes
	// longer than timeout, or fails, the connection is closed.
	Drain(timeout time.Duration) error
	// Pending is the number of bytes pushed and not yet taken by the socket, as
	// they will be on the wire.
	Pending() int
	// SetReadDeadline bounds Wait and Read, also those already waiting. The
	// zero time is no bound.
	SetReadDeadline(time.Time) error
	// Close ends the connection and whoever waits on it. What was pushed and
	// not written is lost.
	Close() error
	// RemoteAddr is the client's address: the one a trusted proxy told us, or
	// the socket's.
	RemoteAddr() net.Addr
	Info() Info
}

// Info is what the handshakes told.
type Info struct {
	Transport   string               // "tcp", "tls", "ws", "wss"; "pipe" in tests
	TLS         *tls.ConnectionState // nil without TLS; certificates in it are NOT verified
	Host        string               // Host header of a WebSocket request, as sent
	Listener    string               // Config.Name
	Namespace   string               // Config.Namespace
	ProxiedFrom net.Addr             // the proxy's own address; nil without one
}

// A stream is a Conn in the making: what plain and TLS connections offer to
// the WebSocket layer and to the HTTP fallback.
type stream interface {
	Conn
	// tryRead reads without waiting; errAgain when nothing is there.
	tryRead(b []byte) (int, error)
	// park waits until tryRead may have news.
	park() error
	// answer sends what the peer's own bytes made us say (a pong, a close). It
	// is the reader's, never waits, and fails when the peer does not listen.
	answer(b []byte) error
	LocalAddr() net.Addr
}

// identity is what a connection knows about itself, shared by all kinds.
type identity struct {
	remote net.Addr // nil: ask the wire
	proxy  net.Addr
	cfg    *Config // of its listener; nil for pipes
}

func (id *identity) info(transport string) Info {
	in := Info{Transport: transport, ProxiedFrom: id.proxy}
	if id.cfg != nil {
		in.Listener, in.Namespace = id.cfg.Name, id.cfg.Namespace
	}
	return in
}
