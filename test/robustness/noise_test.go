package robustness

import (
	"math/rand/v2"
	"strconv"
)

// static is what nothing can compress.
var static = func() []byte {
	b := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}()

// noise is payload with padding that takes as much room as it says.
func noise(n int64, size int) []byte {
	b := append(strconv.AppendInt(nil, n, 10), ' ')
	at := int(n*7919) % (len(static) - size)
	return append(b, static[at:at+size-len(b)]...)
}
