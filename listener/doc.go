// Package listener owns the sockets: TCP, TLS, WebSocket and secure WebSocket,
// the PROXY protocol, certificates, and the limits that hold before login. It
// hands over connections and knows nothing of MQTT but its name.
//
// The three questions that shaped it:
//
//   - What does an idle connection cost? Its goroutine waits in Conn.Wait, where
//     no read buffer, no grown stack and no record buffer is held.
//   - Who waits for a slow peer? Nobody but the one who calls Conn.Drain.
//     Conn.Push takes everything and tries one non-blocking write.
//   - Who may use memory before login? Limits count connections in all and per
//     address, and everything up to the hand-over has one deadline.
//
// Beneath a Conn lies a wire (a socket or a piece of memory) that can park,
// read and write without waiting. TLS and WebSocket are built upon those three
// verbs, so that neither needs a goroutine of its own.
//
// Units: sizes are bytes, times are time.Duration or points in time.
// Errors: what net would give: io.EOF, net.ErrClosed, os.ErrDeadlineExceeded.
// Refusals before the hand-over are counted (Stats), logged at Debug and never
// reach the caller.
// Source: design.md sections 5 and 7; MQTT 5.0 section 6 for WebSocket; RFC
// 6455; the PROXY protocol, versions 1 and 2; spec/mqtt-protocol.md section 1.
package listener
