package mqtt

import "encoding/binary"

// A fan-out encodes a message once and copies the bytes for each receiver; what
// differs is patched into the copy.

// SetPacketID puts another packet identifier into a PUBLISH with QoS 1 or 2
// that AppendPublish wrote. frame begins with the packet.
func SetPacketID(frame []byte, id uint16) {
	i := 2
	for frame[i-1] >= 0x80 {
		i++
	}
	i += 2 + int(binary.BigEndian.Uint16(frame[i:]))
	binary.BigEndian.PutUint16(frame[i:], id)
}

// SetDup marks a PUBLISH with QoS 1 or 2 as sent before [MQTT-3.3.1-1].
func SetDup(frame []byte) { frame[0] |= flagDup }
