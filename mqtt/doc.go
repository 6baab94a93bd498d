// Package mqtt reads and writes MQTT control packets, versions 3.1.1 and 5.0,
// in both directions, so that broker and client share it.
//
// It is pure: bytes in, values out. It opens no socket, starts no goroutine
// and remembers nothing between packets. What needs memory (is this packet
// allowed now, is this topic alias known) is the caller's to judge.
//
// The way through the room: [ReadHeader] finds the borders of a packet in a
// buffer, then the Read function of its type takes the body. Writing is
// append-style: every packet has Append(b, version), which returns b with the
// packet behind it. PUBLISH and the four acknowledgements are the hot path:
// [Publish] and [Ack] are read in place, without allocation, and alias the
// body; everything else is copied out of the buffer.
//
// Units: lengths are bytes; intervals are whole seconds, as on the wire;
// instants are Unix milliseconds.
//
// Errors: a refusal is an [*Error] whose Code can be sent to the peer as it
// is; too few bytes for a fixed header is io.ErrUnexpectedEOF, and the caller
// reads on. A packet that cannot be parsed is a Malformed Packet; one that can,
// but says what the protocol does not allow, is a Protocol Error (section 1.2).
//
// Source: OASIS MQTT 5.0, sections 1.5, 2 and 3, and OASIS MQTT 3.1.1. A tag
// such as [MQTT-1.5.5-1] names one normative statement of 5.0; [MQTT-3.1.2-22
// of 3.1.1] one of the older document. "section 3.1" without a document means 5.0.
package mqtt
