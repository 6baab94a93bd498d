package load

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestHistogram holds percentiles against those of the sorted values.
func TestHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Some of each size, from nanoseconds to minutes.
		value := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(0, 1<<rapid.IntRange(1, maxBits-1).Draw(t, "bits")).Draw(t, "ns"))
		})
		values := rapid.SliceOfN(value, 1, 300).Draw(t, "values")
		var one, other Histogram // merged, they hold all
		for i, v := range values {
			if i%3 == 0 {
				other.Add(v, 1)
			} else {
				one.Add(v, 1)
			}
		}
		one.Merge(&other)
		slices.Sort(values)
		if one.Count() != uint64(len(values)) || one.Max() != values[len(values)-1] {
			t.Fatalf("count %d, max %v, want %d and %v", one.Count(), one.Max(), len(values), values[len(values)-1])
		}
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		exact := values[max(0, int(math.Ceil(q*float64(len(values))))-1)]
		got := one.Quantile(q)
		if got < exact || float64(got) > float64(exact)*(1+1.0/64)+1 {
			t.Fatalf("quantile %v is %v, want %v and up to 1.6 %% more", q, got, exact)
		}
	})
}

func TestHistogramEdges(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Count() != 0 || latencyOf("x", &h) != nil {
		t.Error("an empty histogram has values")
	}
	h.Add(-time.Second, 1) // clocks may step back
	h.Add(time.Hour, 1)
	if h.Quantile(0.5) != 0 || h.Max() != time.Hour || h.Quantile(1) < 137*time.Second {
		t.Errorf("median %v, maximum %v, largest %v", h.Quantile(0.5), h.Max(), h.Quantile(1))
	}
	var weighted Histogram
	weighted.Add(time.Millisecond, 99)
	weighted.Add(time.Second, 1)
	if got := weighted.Quantile(0.99); got > 2*time.Millisecond {
		t.Errorf("p99 of 99 short ones and a long one is %v", got)
	}
	if got := weighted.Quantile(0.991); got != time.Second {
		t.Errorf("p99.1 is %v", got)
	}
}

// TestBuckets: every bucket begins where the one before it ends.
func TestBuckets(t *testing.T) {
	for i := range buckets - 1 {
		if top := upper(i); bucket(top) != i || bucket(top+1) != i+1 {
			t.Fatalf("bucket %d ends at %d, which is in bucket %d, and the next value in %d", i, top, bucket(top), bucket(top+1))
		}
	}
}
