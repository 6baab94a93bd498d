package mqtt

import (
	"encoding/binary"
	"math/bits"
)

// present is the set of properties that packet t will carry: marked, or a list
// that is not empty, and allowed there. What is not allowed is left out rather
// than written, so that one Properties can serve several packets.
func (p *Properties) present(t Type) uint64 {
	set := p.set &^ listProps
	if len(p.UserProperties) > 0 {
		set |= 1 << PropUserProperty
	}
	if len(p.SubscriptionIdentifiers) > 0 {
		set |= 1 << PropSubscriptionIdentifier
	}
	for rest := set; rest != 0; rest &= rest - 1 {
		if id := PropID(bits.TrailingZeros64(rest)); !id.allowedIn(t) {
			set &^= 1 << id
		}
	}
	return set
}

// size is the number of bytes of the properties in set, without their length.
func (p *Properties) size(set uint64) (n int) {
	for ; set != 0; set &= set - 1 {
		switch id := PropID(bits.TrailingZeros64(set)); props[id].kind {
		case typeByte:
			n += 2
		case typeUint16, typeNatural:
			n += 3
		case typeUint32, typeSize:
			n += 5
		case typeString, typeTopic:
			n += 1 + stringSize(*p.stringField(id))
		case typeBinary:
			n += 1 + bytesSize(*p.binaryField(id))
		case typeIDs:
			n += subIDsSize(p.SubscriptionIdentifiers)
		case typePairs:
			n += userPropertiesSize(p.UserProperties)
		}
	}
	return n
}

// appendSet writes the properties in set, without their length.
func (p *Properties) appendSet(b []byte, set uint64) []byte {
	for ; set != 0; set &= set - 1 {
		id := PropID(bits.TrailingZeros64(set))
		switch props[id].kind {
		case typeByte:
			b = append(b, byte(id), *p.byteField(id))
		case typeUint16, typeNatural:
			b = appendUint16(append(b, byte(id)), *p.uint16Field(id))
		case typeUint32, typeSize:
			b = binary.BigEndian.AppendUint32(append(b, byte(id)), *p.uint32Field(id))
		case typeString, typeTopic:
			b = appendString(append(b, byte(id)), *p.stringField(id))
		case typeBinary:
			b = appendBytes(append(b, byte(id)), *p.binaryField(id))
		case typeIDs:
			b = appendSubIDs(b, p.SubscriptionIdentifiers)
		case typePairs:
			b = appendUserProperties(b, p.UserProperties)
		}
	}
	return b
}

// A block is a property section ready to be written: Property Length, which is
// there even when it is 0 [MQTT-2.2.2-1], and the properties.
type block struct {
	p    *Properties
	set  uint64
	size int // without the length
}

func (p *Properties) block(t Type) block {
	set := p.present(t)
	return block{p, set, p.size(set)}
}

// total is the number of bytes append writes.
func (s block) total() int { return varintSize(uint32(s.size)) + s.size }

func (s block) append(b []byte) []byte {
	return s.p.appendSet(appendVarint(b, uint32(s.size)), s.set)
}

func subIDsSize(ids []uint32) (n int) {
	for _, id := range ids {
		n += 1 + varintSize(id)
	}
	return n
}

func appendSubIDs(b []byte, ids []uint32) []byte {
	for _, id := range ids {
		b = appendVarint(append(b, byte(PropSubscriptionIdentifier)), id)
	}
	return b
}

func userPropertiesSize(us []UserProperty) (n int) {
	for i := range us {
		n += 1 + stringSize(us[i].Name) + stringSize(us[i].Value)
	}
	return n
}

func appendUserProperties(b []byte, us []UserProperty) []byte {
	for i := range us {
		b = appendString(append(b, byte(PropUserProperty)), us[i].Name)
		b = appendString(b, us[i].Value)
	}
	return b
}
