package topic

import (
	"fmt"
	"runtime"
	"testing"
)

// sub is the size of what a broker keeps for a subscription here.
type sub struct {
	session *int
	slot    uint32
	_       byte // QoS: the size is what counts
}

const million = 1_000_000

// shapes of a million filters, and the name that matches filter i.
var shapes = []struct {
	name         string
	filter, each func(i int) string
}{
	{"exact", deviceTemp, deviceTemp},
	{"hash", func(i int) string { return fmt.Sprintf("devices/d%07d/commands/#", i) }, func(i int) string { return fmt.Sprintf("devices/d%07d/commands/reboot/now", i) }},
	{"plus", func(i int) string { return fmt.Sprintf("site/%d/+/%d/temp", i%1000, i/1000) }, deviceTemp},
	{"flat", func(i int) string { return fmt.Sprintf("in/%d", i) }, func(i int) string { return fmt.Sprintf("in/%d", i) }},
	{"mixed", func(i int) string {
		switch i % 4 {
		case 0:
			return fmt.Sprintf("site/%d/device/%d/+", i%1000, i/1000)
		case 1:
			return fmt.Sprintf("site/%d/+/%d/#", i%1000, i/1000)
		case 2:
			return fmt.Sprintf("+/%d/device/%d/temp", i%1000, i/1000)
		}
		return deviceTemp(i)
	}, deviceTemp},
}

func deviceTemp(i int) string { return fmt.Sprintf("site/%d/device/%d/temp", i%1000, i/1000) }

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func list(nth func(int) string) []string {
	all := make([]string, million)
	for i := range all {
		all[i] = nth(i)
	}
	return all
}

// BenchmarkIndexMillion matches against a million filters. bytes/filter is what
// the index costs beside the string of the filter, which the caller keeps too.
func BenchmarkIndexMillion(b *testing.B) {
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) {
			filters, names := list(s.filter), list(s.each)
			before := heap()
			var ix Index[sub]
			id := new(int)
			for i, f := range filters {
				ix.Add(f, sub{session: id, slot: uint32(i)})
			}
			bytes := float64(heap()-before) / million
			var dst []sub
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				dst = ix.AppendMatches(dst[:0], names[i])
				if len(dst) == 0 {
					b.Fatal(names[i])
				}
				if i += 7919; i >= million {
					i -= million
				}
			}
			b.ReportMetric(bytes, "bytes/filter")
			runtime.KeepAlive(filters)
		})
	}
}

// BenchmarkIndexSmall matches against what many brokers have: a few filters.
func BenchmarkIndexSmall(b *testing.B) {
	var ix Index[sub]
	for i := range 100 {
		ix.Add(deviceTemp(i), sub{slot: uint32(i)})
	}
	ix.Add("site/+/device/+/temp", sub{})
	ix.Add("site/7/#", sub{})
	var dst []sub
	b.ReportAllocs()
	for b.Loop() {
		dst = ix.AppendMatches(dst[:0], "site/7/device/0/temp")
	}
}

// BenchmarkIndexChange adds a filter and removes it, beside a million others.
func BenchmarkIndexChange(b *testing.B) {
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) {
			filters := list(s.filter)
			var ix Index[sub]
			for i, f := range filters {
				ix.Add(f, sub{slot: uint32(i)})
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				v := sub{slot: uint32(i)}
				ix.Remove(filters[i], v)
				ix.Add(filters[i], v)
				if i += 7919; i >= million {
					i -= million
				}
			}
		})
	}
}

// BenchmarkIndexFill adds a million filters to an empty index.
func BenchmarkIndexFill(b *testing.B) {
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) {
			filters := list(s.filter)
			for b.Loop() {
				var ix Index[sub]
				for i, f := range filters {
					ix.Add(f, sub{slot: uint32(i)})
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/million, "ns/add")
		})
	}
}

// BenchmarkIndexOneFilter has 100,000 values on one filter.
func BenchmarkIndexOneFilter(b *testing.B) {
	const n = 100_000
	before := heap()
	var ix Index[sub]
	for i := range n {
		ix.Add("all/of/you", sub{slot: uint32(i)})
	}
	bytes := float64(heap()-before) / n
	b.Run("change", func(b *testing.B) {
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			v := sub{slot: uint32(i)}
			ix.Remove("all/of/you", v)
			ix.Add("all/of/you", v)
			if i += 7919; i >= n {
				i -= n
			}
		}
		b.ReportMetric(bytes, "bytes/value")
	})
	b.Run("match", func(b *testing.B) {
		var dst []sub
		b.ReportAllocs()
		for b.Loop() {
			dst = ix.AppendMatches(dst[:0], "all/of/you")
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/value")
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, f := range []string{"site/7/device/0/temp", "site/+/device/+/temp", "site/7/#", "site/8/device/0/temp"} {
		b.Run(f, func(b *testing.B) {
			for b.Loop() {
				Match(f, "site/7/device/0/temp")
			}
		})
	}
}

func BenchmarkValidFilter(b *testing.B) {
	for b.Loop() {
		ValidFilter("site/+/device/+/temp/#")
	}
}

// BenchmarkNamesMillion puts, gets and walks a million names. bytes/name is beside
// the string of the name, which the caller keeps too.
func BenchmarkNamesMillion(b *testing.B) {
	names := list(deviceTemp)
	before := heap()
	var ns Names[*int]
	v := new(int)
	for i := range names {
		ns.Put(names[(i*7919)%million], v)
	}
	bytes := float64(heap()-before) / million
	i := 0
	step := func() string {
		if i += 7919; i >= million {
			i -= million
		}
		return names[i]
	}
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ns.Get(step())
		}
		b.ReportMetric(bytes, "bytes/name")
	})
	b.Run("change", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			name := step()
			ns.Delete(name)
			ns.Put(name, v)
		}
	})
	for _, filter := range []string{"#", "site/+/device/500/temp", "site/7/device/+/temp", "site/7/#", "site/7/device/500/temp", "site/+/device/none/temp"} {
		b.Run("walk "+filter, func(b *testing.B) {
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				for last, more := "", true; more; {
					last, more = ns.Walk(filter, last, 1000, func(string, *int) { n++ })
				}
			}
			b.ReportMetric(float64(n)/float64(b.N), "names/op")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(n, 1)), "ns/name")
		})
	}
	runtime.KeepAlive(names)
}
