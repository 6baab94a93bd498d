package queue

import "encoding/binary"

// The bitmaps are in the portable format of the Roaring libraries, which read
// them back (targets.go). They are written here because the library builds
// containers on the heap first, and Publish must not allocate.
// Source: https://github.com/RoaringBitmap/RoaringFormatSpec

const (
	roaringPlain    = 12346 // cookie: no run containers
	roaringRuns     = 12347 // cookie: some are runs
	roaringArrayMax = 4096  // values; more are a bitmap
	roaringBits     = 8192  // bytes of a bitmap container
	roaringOffsets  = 4     // containers from which a runs header has offsets
)

// A container holds the values that share their upper 48 bits.
type container struct {
	ids  []ID
	runs int // of consecutive values
}

// nextContainer splits the first container off ids, which ascend.
func nextContainer(ids []ID) (c container, rest []ID) {
	n, key := 1, ids[0]>>16
	c.runs = 1
	for ; n < len(ids) && ids[n]>>16 == key; n++ {
		if ids[n] != ids[n-1]+1 {
			c.runs++
		}
	}
	c.ids = ids[:n]
	return c, ids[n:]
}

func (c *container) plainSize() int { return min(2*len(c.ids), roaringBits) }
func (c *container) isRuns() bool   { return 2+4*c.runs < c.plainSize() }

func (c *container) size() int {
	if c.isRuns() {
		return 2 + 4*c.runs
	}
	return c.plainSize()
}

// bitmapSize returns the size of ids as a bitmap of their distances from base.
// ok is false when they cannot be one or are too few to bother.
func bitmapSize(ids []ID) (base ID, size int, ok bool) {
	if len(ids) < 16 {
		return 0, 0, false
	}
	base = ids[0] &^ 0xffff
	if ids[len(ids)-1]-base > 1<<32-1 {
		return 0, 0, false
	}
	containers, anyRuns := 0, false
	for rest := ids; len(rest) > 0; containers++ {
		var c container
		c, rest = nextContainer(rest)
		anyRuns = anyRuns || c.isRuns()
		size += c.size()
	}
	return base, size + headerSize(containers, anyRuns), true
}

func headerSize(containers int, anyRuns bool) int {
	switch {
	case !anyRuns:
		return 8 + 8*containers
	case containers < roaringOffsets:
		return 4 + (containers+7)/8 + 4*containers
	}
	return 4 + (containers+7)/8 + 8*containers
}

// appendBitmap writes ids, less base, as a roaring bitmap.
func appendBitmap(b []byte, ids []ID, base ID) []byte {
	le := binary.LittleEndian
	containers, anyRuns := 0, false
	for rest := ids; len(rest) > 0; containers++ {
		var c container
		c, rest = nextContainer(rest)
		anyRuns = anyRuns || c.isRuns()
	}
	start := len(b)
	if anyRuns {
		b = le.AppendUint32(b, roaringRuns|uint32(containers-1)<<16)
		flags := len(b)
		b = appendZeros(b, (containers+7)/8)
		i := 0
		for rest := ids; len(rest) > 0; i++ {
			var c container
			if c, rest = nextContainer(rest); c.isRuns() {
				b[flags+i/8] |= 1 << (i % 8)
			}
		}
	} else {
		b = le.AppendUint32(b, roaringPlain)
		b = le.AppendUint32(b, uint32(containers))
	}
	for rest := ids; len(rest) > 0; {
		var c container
		c, rest = nextContainer(rest)
		b = le.AppendUint16(b, uint16((c.ids[0]-base)>>16))
		b = le.AppendUint16(b, uint16(len(c.ids)-1))
	}
	if !anyRuns || containers >= roaringOffsets {
		at := len(b) - start + 4*containers
		for rest := ids; len(rest) > 0; {
			var c container
			c, rest = nextContainer(rest)
			b = le.AppendUint32(b, uint32(at))
			at += c.size()
		}
	}
	for rest := ids; len(rest) > 0; {
		var c container
		c, rest = nextContainer(rest)
		b = c.append(b)
	}
	return b
}

func (c *container) append(b []byte) []byte {
	le := binary.LittleEndian
	switch {
	case c.isRuns():
		b = le.AppendUint16(b, uint16(c.runs))
		for i := 0; i < len(c.ids); {
			j := i + 1
			for j < len(c.ids) && c.ids[j] == c.ids[j-1]+1 {
				j++
			}
			b = le.AppendUint16(b, uint16(c.ids[i]))
			b = le.AppendUint16(b, uint16(j-i-1))
			i = j
		}
	case len(c.ids) <= roaringArrayMax:
		for _, id := range c.ids {
			b = le.AppendUint16(b, uint16(id))
		}
	default:
		at := len(b)
		b = appendZeros(b, roaringBits)
		for _, id := range c.ids {
			b[at+int(uint16(id))/8] |= 1 << (id % 8)
		}
	}
	return b
}

func appendZeros(b []byte, n int) []byte {
	for range n {
		b = append(b, 0)
	}
	return b
}
