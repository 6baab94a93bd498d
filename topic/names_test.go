package topic

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// byLevel is the order of a Walk, by the book.
func byLevel(a, b string) int { return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/")) }

func TestCompareIsTheOrderOfLevels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.SampledFrom([]string{"", "a", "!", "0", "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaab", "é"})
		draw := func(label string) string {
			return strings.Join(rapid.SliceOfN(level, 1, 4).Draw(t, label), "/")
		}
		a, b := draw("a"), draw("b")
		if got, want := compare(a, b), byLevel(a, b); got < 0 != (want < 0) || got > 0 != (want > 0) {
			t.Fatalf("compare(%q, %q) = %d, levels say %d", a, b, got, want)
		}
	})
}

func TestNamesAgreeWithSortAndMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ns Names[int]
		all := map[string]int{}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				name, v := someNames.Draw(t, "name"), rapid.Int().Draw(t, "value")
				want, had := all[name]
				if old, ok := ns.Put(name, v); ok != had || old != want {
					t.Fatalf("Put(%q) = %d, %v, want %d, %v", name, old, ok, want, had)
				}
				all[name] = v
			},
			"delete": func(t *rapid.T) {
				name := someNames.Draw(t, "name")
				want, had := all[name]
				if old, ok := ns.Delete(name); ok != had || old != want {
					t.Fatalf("Delete(%q) = %d, %v, want %d, %v", name, old, ok, want, had)
				}
				delete(all, name)
			},
			"putMany": func(t *rapid.T) {
				a, n := someNames.Draw(t, "name"), rapid.IntRange(1, 300).Draw(t, "n")
				for i := range n {
					name := fmt.Sprintf("%s/%d/b", a, i)
					ns.Put(name, i)
					all[name] = i
				}
			},
			"walk": func(t *rapid.T) {
				filter, after, limit := someFilters.Draw(t, "filter"), "", rapid.IntRange(0, 7).Draw(t, "limit")
				if rapid.Bool().Draw(t, "later") {
					after = someNames.Draw(t, "after")
				}
				checkWalk(t, &ns, all, filter, after, limit)
			},
			"": func(t *rapid.T) {
				name := someNames.Draw(t, "name")
				want, had := all[name]
				if v, ok := ns.Get(name); ok != had || v != want || ns.Len() != len(all) {
					t.Fatalf("Get(%q) = %d, %v, want %d, %v; Len() = %d, want %d", name, v, ok, want, had, ns.Len(), len(all))
				}
			},
		})
	})
}

func checkWalk(t *rapid.T, ns *Names[int], all map[string]int, filter, after string, limit int) {
	var want, got []string
	for name := range all {
		if slowMatch(filter, name) && (after == "" || byLevel(name, after) > 0) {
			want = append(want, name)
		}
	}
	slices.SortFunc(want, byLevel)
	for more := true; more; {
		n := 0
		after, more = ns.Walk(filter, after, limit, func(name string, v int) {
			if v != all[name] {
				t.Fatalf("Walk(%q) shows %q with %d, want %d", filter, name, v, all[name])
			}
			got = append(got, name)
			n++
		})
		if limit > 0 && (n > limit || more && n < limit) { // these trees are too small to stop early
			t.Fatalf("Walk(%q) with limit %d visited %d, more %v", filter, limit, n, more)
		}
		if more && len(got) == len(want) {
			t.Fatalf("Walk(%q) says more after the last", filter)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("Walk(%q) visited %q, want %q", filter, got, want)
	}
}

// Names come and go between the pieces of a walk: what stays is visited, in
// order, nothing twice, and nothing that was not there.
func TestWalkResumesWhileNamesComeAndGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ns Names[int]
		in := map[string]bool{}
		put := func(name string) { ns.Put(name, 0); in[name] = true }
		for _, name := range rapid.SliceOfN(someNames, 20, 300).Draw(t, "names") {
			put(name)
		}
		filter, limit := someFilters.Draw(t, "filter"), rapid.IntRange(1, 4).Draw(t, "limit")
		stayed, ever := map[string]bool{}, map[string]bool{}
		for name := range in {
			if slowMatch(filter, name) {
				stayed[name], ever[name] = true, true
			}
		}
		var got []string
		for last, more := "", true; more; {
			last, more = ns.Walk(filter, last, limit, func(name string, _ int) { got = append(got, name) })
			for _, name := range rapid.SliceOfN(someNames, 0, 5).Draw(t, "changed") {
				if in[name] {
					ns.Delete(name)
					delete(in, name)
					delete(stayed, name)
				} else if put(name); slowMatch(filter, name) {
					ever[name] = true
				}
			}
		}
		for i, name := range got {
			if i > 0 && byLevel(got[i-1], name) >= 0 {
				t.Fatalf("%q came after %q", name, got[i-1])
			}
			if !ever[name] {
				t.Fatalf("%q was visited, but is not there or does not match %q", name, filter)
			}
		}
		for name := range stayed {
			if !slices.Contains(got, name) {
				t.Fatalf("%q was there all the time and was not visited by %q", name, filter)
			}
		}
	})
}

// The tree gets several pages deep and empty again, in several orders.
func TestNamesGrowAndShrink(t *testing.T) {
	const n = 30000
	name := func(i int) string { return fmt.Sprintf("site/%05d/%d", i/3, i%3) }
	up := make([]int, n)
	for i := range up {
		up[i] = i
	}
	down := slices.Clone(up)
	slices.Reverse(down)
	orders := map[string][]int{"up": up, "down": down, "random": rand.New(rand.NewPCG(7, 8)).Perm(n)}
	for in, first := range orders {
		for out, second := range orders {
			t.Run(in+" "+out, func(t *testing.T) {
				var ns Names[int]
				for _, i := range first {
					ns.Put(name(i), i)
				}
				checkPages(t, &ns)
				for k, i := range second {
					if v, ok := ns.Delete(name(i)); !ok || v != i {
						t.Fatalf("Delete(%q) = %d, %v", name(i), v, ok)
					}
					if k%3000 == 0 {
						checkPages(t, &ns)
					}
				}
				if ns.Len() != 0 || ns.root != nil {
					t.Errorf("%d names left", ns.Len())
				}
			})
		}
	}
}

// checkPages checks the shape of the tree, and that it is full enough.
func checkPages(t *testing.T, ns *Names[int]) {
	t.Helper()
	if ns.root == nil {
		return
	}
	leaves, last, total := 0, "", 0
	var visit func(p *page[int], low string) int
	visit = func(p *page[int], low string) (height int) {
		if len(p.names) == 0 || len(p.names) > pageMax || cap(p.names) > pageMax+1 {
			t.Fatalf("page with %d names, room for %d", len(p.names), cap(p.names))
		}
		if p.kids == nil {
			leaves++
			total += len(p.names)
			for _, name := range p.names {
				if total > 1 && compare(last, name) >= 0 && last != "" || compare(name, low) < 0 {
					t.Fatalf("%q after %q in a page from %q", name, last, low)
				}
				last = name
			}
			return 0
		}
		for i, k := range p.kids {
			from := low
			if i > 0 {
				from = p.names[i]
			}
			h := visit(k, from)
			if i > 0 && h != height {
				t.Fatalf("leaves at heights %d and %d", h, height)
			}
			height = h
		}
		return height + 1
	}
	visit(ns.root, "")
	if total != ns.Len() || leaves > 2+total/pageLow {
		t.Fatalf("%d names in %d leaves, Len() = %d", total, leaves, ns.Len())
	}
}

// A '+' before a level that nobody has makes much work for no names: a walk with
// a limit stops on the way, and still ends.
func TestWalkWithLimitIsShort(t *testing.T) {
	var ns Names[int]
	for i := range 20000 {
		ns.Put(fmt.Sprintf("a/%d/b", i), i)
	}
	ns.Put("a/zz/c", 1)
	var got []string
	calls := 0
	for last, more := "", true; more; calls++ {
		last, more = ns.Walk("a/+/c", last, 10, func(name string, _ int) { got = append(got, name) })
	}
	if !slices.Equal(got, []string{"a/zz/c"}) || calls < 10 {
		t.Errorf("visited %q in %d calls", got, calls)
	}
	got = got[:0]
	if _, more := ns.Walk("a/+/c", "", 0, func(name string, _ int) { got = append(got, name) }); more || len(got) != 1 {
		t.Errorf("without limit: visited %q, more %v", got, more)
	}
}

// Work follows the matches: of 200,000 names, few are looked at.
func TestWalkSkipsWhatCannotMatch(t *testing.T) {
	var ns Names[int]
	for i := range 20 {
		for j := range 10000 {
			ns.Put(fmt.Sprintf("a/%d/%d", i, j), j)
		}
	}
	for filter, most := range map[string]int{"a/+/5000": 62, "a/7/#": 10002, "a/+": 42, "+/3/77": 5, "b/#": 2, "a/7/5": 2, "$x/#": 2} {
		w := walker{filter: filter, bounded: true, left: 1 << 30, steps: 1 << 30}
		w.start()
		for done := false; !done; {
			_, done = ns.collect(&w, make([]named[int], 1000))
		}
		if looked := 1<<30 - w.steps; looked > most {
			t.Errorf("Walk(%q) looked at %d names, want %d at most", filter, looked, most)
		}
	}
}

// visit may change the names it is shown.
func TestWalkVisitMayChange(t *testing.T) {
	var ns Names[int]
	for i := range 1000 {
		ns.Put(fmt.Sprintf("a/%d", i), i)
	}
	ns.Walk("a/#", "", 0, func(name string, _ int) { ns.Delete(name) })
	if ns.Len() != 0 {
		t.Errorf("%d names left", ns.Len())
	}
}

func TestNamesConcurrent(t *testing.T) {
	var ns Names[int]
	for i := range 500 {
		ns.Put(fmt.Sprintf("fixed/%d/x", i), i)
	}
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(9, uint64(w)))
			for range 3000 {
				name := fmt.Sprintf("fixed/%d/y", rnd.IntN(500))
				if rnd.IntN(2) == 0 {
					ns.Put(name, 1)
				} else {
					ns.Delete(name)
				}
			}
		})
		wg.Go(func() {
			for range 20 {
				n := 0
				for last, more := "", true; more; {
					last, more = ns.Walk("fixed/+/x", last, 50, func(string, int) { n++ })
				}
				if n != 500 {
					t.Errorf("visited %d of 500 names", n)
				}
			}
		})
	}
	wg.Wait()
}
