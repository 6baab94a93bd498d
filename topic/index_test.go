package topic

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

type pair struct {
	filter string
	v      int
}

// scan is the slow Index: it tries every filter.
func scan(pairs map[pair]bool, name string) (found []int) {
	for p := range pairs {
		if slowMatch(p.filter, name) {
			found = append(found, p.v)
		}
	}
	slices.Sort(found)
	return found
}

func TestIndexAgreesWithScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ix Index[int]
		all := map[pair]bool{}
		var had []pair // what was ever added, so that removals hit
		values := rapid.IntRange(0, 60)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				p := pair{someFilters.Draw(t, "filter"), values.Draw(t, "value")}
				before := ix.Generation()
				ix.Add(p.filter, p.v)
				if (ix.Generation() != before) == all[p] {
					t.Fatalf("Add(%v) moved the generation from %d to %d", p, before, ix.Generation())
				}
				all[p] = true
				had = append(had, p)
			},
			"addMany": func(t *rapid.T) {
				f := someFilters.Draw(t, "filter")
				for v := range rapid.IntRange(10, 200).Draw(t, "n") {
					ix.Add(f, v)
					all[pair{f, v}] = true
					had = append(had, pair{f, v})
				}
			},
			"remove": func(t *rapid.T) {
				p := pair{someFilters.Draw(t, "filter"), values.Draw(t, "value")}
				if len(had) > 0 && rapid.Bool().Draw(t, "known") {
					p = rapid.SampledFrom(had).Draw(t, "pair")
				}
				before := ix.Generation()
				if got := ix.Remove(p.filter, p.v); got != all[p] || got != (ix.Generation() != before) {
					t.Fatalf("Remove(%v) = %v, want %v; generation %d, then %d", p, got, all[p], before, ix.Generation())
				}
				delete(all, p)
			},
			"removeMany": func(t *rapid.T) {
				left := rapid.IntRange(0, 20).Draw(t, "left")
				for p := range all {
					if len(all) <= left {
						break
					}
					if !ix.Remove(p.filter, p.v) {
						t.Fatalf("Remove(%v) found nothing", p)
					}
					delete(all, p)
				}
			},
			"": func(t *rapid.T) {
				name := someNames.Draw(t, "name")
				got := ix.AppendMatches(nil, name)
				slices.Sort(got)
				if want := scan(all, name); !slices.Equal(got, want) {
					t.Fatalf("AppendMatches(%q) = %v, scan says %v", name, got, want)
				}
				if ix.Len() != len(all) {
					t.Fatalf("Len() = %d, want %d", ix.Len(), len(all))
				}
			},
		})
		for p := range all {
			ix.Remove(p.filter, p.v)
		}
		checkEmpty(t, &ix)
	})
}

func checkEmpty(t interface{ Fatalf(string, ...any) }, ix *Index[int]) {
	if ix.Len() != 0 || !ix.root.empty() || ix.table.dir.Load() != nil || ix.root.lens.Load() != 0 || ix.root.nRuns != 0 || ix.root.byLen != nil {
		t.Fatalf("an index without values keeps %d, %+v, %+v", ix.Len(), &ix.root, &ix.table)
	}
}

// The table grows, splits, merges and shrinks while its contents are checked.
func TestIndexGrowsAndShrinks(t *testing.T) {
	var ix Index[int]
	const n = 20000
	filter := func(i int) string {
		switch i % 4 {
		case 0:
			return fmt.Sprintf("site/%d/state", i)
		case 1:
			return fmt.Sprintf("site/%d/#", i)
		case 2:
			return fmt.Sprintf("site/+/%d", i)
		}
		return fmt.Sprintf("+/%d/state", i)
	}
	in := map[int]bool{}
	check := func() {
		t.Helper()
		checkTable(t, &ix)
		for i := range n {
			got := slices.Contains(ix.AppendMatches(nil, strings.NewReplacer("+", "site", "/#", "/state").Replace(filter(i))), i)
			if got != in[i] {
				t.Fatalf("filter %q is found: %v, want %v, among %d", filter(i), got, in[i], len(in))
			}
		}
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	for _, i := range order {
		ix.Add(filter(i), i)
		in[i] = true
	}
	check()
	for k, i := range order {
		if !ix.Remove(filter(i), i) {
			t.Fatalf("Remove(%q) found nothing", filter(i))
		}
		delete(in, i)
		if k%(n/4) == 0 || k == n-300 {
			check()
		}
	}
	checkEmpty(t, &ix)
}

// checkTable compares what a table says of itself with what is in it.
func checkTable(t *testing.T, ix *Index[int]) {
	t.Helper()
	d := ix.table.dir.Load()
	full, total := 0, 0
	for i := 0; i < len(d.segments); {
		s := d.segments[i].Load()
		used := 0
		for r := range s.all {
			used++
			if d.at(r.hash).Load() != s || ix.table.find(r.hash, r.from, r.levels) != r {
				t.Fatalf("run %q is in the wrong segment", r.levels)
			}
		}
		if used != s.used {
			t.Fatalf("segment with %d runs says it has %d", used, s.used)
		}
		for range 1 << (d.depth - s.depth) {
			if d.segments[i].Load() != s {
				t.Fatalf("entry %d of the directory is not that of its neighbour", i)
			}
			i++
		}
		if s.depth == d.depth {
			full++
		}
		total += used
	}
	if full != ix.table.full {
		t.Fatalf("%d segments have one entry only, the table says %d", full, ix.table.full)
	}
	t.Logf("%d runs in %d entries, %.1f bytes a run without the directory", total, len(d.segments), 512*float64(len(d.segments))/float64(total))
}

func TestIndexDeepAndLong(t *testing.T) {
	var ix Index[int]
	filters := []string{
		strings.Repeat("+/", 30000) + "+",
		strings.Repeat("+/", 30000) + "#",
		strings.Repeat("/", 65000),
		strings.Repeat("a/", 40) + "b",
		strings.Repeat("a/", 50) + "b",
		strings.Repeat("a/", 35) + "+/" + strings.Repeat("a/", 33) + "#",
		strings.Repeat("a/", 31) + "#",
		strings.Repeat("a/", 30) + "#",
	}
	for i, f := range filters {
		ix.Add(f, i)
	}
	for _, name := range []string{
		strings.Repeat("/", 30000), strings.Repeat("/", 29999), strings.Repeat("/", 65000), strings.Repeat("a/", 40) + "b",
		strings.Repeat("a/", 50) + "b", strings.Repeat("a/", 100), strings.Repeat("a/", 30) + "a", strings.Repeat("a/", 29) + "a",
	} {
		var want []int
		for i, f := range filters {
			if slowMatch(f, name) {
				want = append(want, i)
			}
		}
		got := ix.AppendMatches(nil, name)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("AppendMatches of %d levels = %v, want %v", Levels(name), got, want)
		}
	}
	for i, f := range filters {
		ix.Remove(f, i)
	}
	checkEmpty(t, &ix)
}

// Many values under one filter come and go; most go, and what they used is freed.
func TestIndexManyValues(t *testing.T) {
	var ix Index[int]
	const n = 50000
	in := map[int]bool{}
	check := func() {
		t.Helper()
		got := ix.AppendMatches(nil, "a/b")
		seen := map[int]bool{}
		for _, v := range got {
			if !in[v] || seen[v] {
				t.Fatalf("value %d comes twice or should not be there", v)
			}
			seen[v] = true
		}
		if len(got) != len(in) {
			t.Fatalf("%d values, want %d", len(got), len(in))
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, i := range rnd.Perm(n) {
		ix.Add("a/+", i)
		in[i] = true
	}
	check()
	for k, i := range rnd.Perm(n) {
		ix.Remove("a/+", i)
		delete(in, i)
		if k%3 == 0 {
			j := rnd.IntN(n)
			ix.Add("a/+", j)
			in[j] = true
		}
		if k%5000 == 0 {
			check()
		}
	}
	check()
	for v := range in {
		if len(in) == 20 {
			break
		}
		ix.Remove("a/+", v)
		delete(in, v)
	}
	check()
	if m := ix.AppendMatches(nil, "a/b"); len(m) != 20 {
		t.Fatalf("%d values left, want 20", len(m))
	}
	r := ix.table.find(extend(0, "a"), &ix.root, "a")
	if many := r.plus.Load().here.Load().more.many; many == nil || many.n > 4 {
		t.Errorf("20 values are kept in %+v", many)
	}
	for v := range in {
		ix.Remove("a/+", v)
	}
	checkEmpty(t, &ix)
}

// Readers and writers at once: what is there all the time is found every time,
// once; a result stays true while the generation does.
func TestIndexConcurrent(t *testing.T) {
	var ix Index[int]
	names := []string{"a/b/c", "a/b", "x/y/z", "$a/b", "a/1/c", "a/99/c"}
	fixed := map[pair]bool{}
	for i, f := range []string{"a/b/c", "a/+/c", "a/#", "#", "+/+/+", "$a/#", "x/y/z", "+/b"} {
		fixed[pair{f, -1 - i}] = true
		ix.Add(f, -1-i)
	}
	var stop atomic.Bool
	var writers, readers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			rnd := rand.New(rand.NewPCG(5, uint64(w)))
			for range 3000 {
				i := rnd.IntN(300)
				f := []string{"a/b/c", fmt.Sprintf("a/%d/c", i), fmt.Sprintf("+/%d/#", i), "a/+/c", fmt.Sprint(i), "a/#"}[rnd.IntN(6)]
				if rnd.IntN(2) == 0 {
					ix.Add(f, i*2+w)
				} else {
					ix.Remove(f, i*2+w)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			var found []int
			for k := 0; !stop.Load(); k++ {
				name := names[k%len(names)]
				found = ix.AppendMatches(found[:0], name)
				var old []int
				for _, v := range found {
					if v < 0 {
						old = append(old, v)
					}
				}
				slices.Sort(old)
				if want := scan(fixed, name); !slices.Equal(old, want) {
					t.Errorf("AppendMatches(%q) found %v of the fixed, want %v", name, old, want)
					return
				}
			}
		})
	}
	writers.Wait()
	stop.Store(true)
	readers.Wait()
	checkTable(t, &ix)
}

// One writer adds; a reader that sees a generation sees all that was added before.
func TestIndexGenerationComesAfterTheChange(t *testing.T) {
	var ix Index[int]
	const n = 20000
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			ix.Add([]string{"a/b", "a/+", "#", "a/#", "+/b"}[i%5], i)
		}
	})
	for gen := uint64(0); gen < n; {
		gen = ix.Generation()
		if got := len(ix.AppendMatches(nil, "a/b")); got < int(gen) {
			t.Fatalf("generation %d, but only %d values", gen, got)
		}
	}
	wg.Wait()
}

func TestIndexMatchDoesNotAllocate(t *testing.T) {
	var ix Index[int]
	for i := range 1000 {
		ix.Add(fmt.Sprintf("a/%d/c", i), i)
		ix.Add("a/+/c", i)
		ix.Add(fmt.Sprintf("+/%d/#", i), i)
	}
	dst := ix.AppendMatches(nil, "a/7/c")
	if n := testing.AllocsPerRun(100, func() { dst = ix.AppendMatches(dst[:0], "a/7/c") }); n != 0 {
		t.Errorf("AppendMatches allocates %v times", n)
	}
}
