package load

import (
	"math"
	"math/bits"
	"time"
)

// A Histogram counts durations in buckets that grow with the value: 64 to every
// power of two, so a percentile is right to 1.6 %. Values above 137 s count as
// 137 s. The zero value is ready; it is not safe for concurrent use.
type Histogram struct {
	counts [buckets]uint64
	n      uint64
	max    time.Duration
}

const (
	subBits = 6                            // log2 of the buckets to a power of two
	maxBits = 37                           // 2^37 ns = 137 s
	buckets = (maxBits - subBits + 1) << 6 // 16 KiB
)

// bucket is linear below 128 ns and logarithmic above.
func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	if v >= 1<<maxBits {
		return buckets - 1
	}
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift<<subBits + int(v>>shift)
}

// upper is the largest duration that falls into bucket i.
func upper(i int) time.Duration {
	if i < 2<<subBits {
		return time.Duration(i)
	}
	shift := i>>subBits - 1
	mantissa := i - shift<<subBits
	return time.Duration((mantissa+1)<<shift - 1)
}

// Add counts d n times.
func (h *Histogram) Add(d time.Duration, n int) {
	h.counts[bucket(d)] += uint64(n)
	h.n += uint64(n)
	h.max = max(h.max, d)
}

// Merge adds o to h.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// Count is the number of values.
func (h *Histogram) Count() uint64 { return h.n }

// Max is the largest value, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile is the smallest value that a share q (0 to 1) of all values does not
// exceed; 0 when there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(math.Ceil(q * float64(h.n)))
	rank = min(max(rank, 1), h.n)
	var seen uint64
	for i, n := range h.counts {
		if seen += n; seen >= rank && n > 0 {
			return min(upper(i), h.max)
		}
	}
	return 0
}
