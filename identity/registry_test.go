package identity

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func drawClient(t *rapid.T) *Client {
	c := &Client{
		Name:        rapid.SampledFrom([]string{"a", "b", "A", "press-07", "x.y:z"}).Draw(t, "name"),
		State:       State(rapid.IntRange(0, 1).Draw(t, "state")),
		Scheme:      Scheme(rapid.IntRange(0, int(ThumbprintMatch)).Draw(t, "scheme")),
		Attributes:  drawAttributes(t),
		Description: rapid.SampledFrom([]string{"", "text"}).Draw(t, "description"),
		Password:    PasswordHash(rapid.SampledFrom([]string{"", somePHC}).Draw(t, "password")),
	}
	c.AuthenticationName = rapid.SampledFrom([]string{c.Name, "a", "A", "é", "É", "x", strings.Repeat("é", 128)}).Draw(t, "authentication name")
	print := rapid.SampledFrom([]string{strings.Repeat("ab", 32), strings.Repeat("AB", 32), strings.Repeat("01", 20), "01:02"})
	c.Thumbprints = rapid.SliceOfN(print, 0, 2).Draw(t, "thumbprints")
	return c
}

// same says whether two clients are, nil and empty being one.
func same(a, b *Client) bool {
	if a == nil || b == nil {
		return a == b
	}
	return string(a.EncodeStored()) == string(b.EncodeStored()) && a.Name == b.Name && a.Attributes.Equal(b.Attributes)
}

func TestRegistryAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, model := NewRegistry(), map[string]*Client{}
		find := func(name string) *Client {
			for _, c := range model {
				if strings.EqualFold(c.AuthenticationName, name) {
					return c
				}
			}
			return nil
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				c := drawClient(t)
				other := find(c.AuthenticationName)
				taken := other != nil && other.Name != c.Name
				old, err := r.Put(c)
				if errors.Is(err, ErrNameTaken) != taken || !taken && (err != nil || !same(old, model[c.Name])) {
					t.Fatalf("Put(%s) = %v, %v, want %v, taken %v", c.EncodeStored(), old, err, model[c.Name], taken)
				}
				if !taken {
					model[c.Name] = c
				}
			},
			"delete": func(t *rapid.T) {
				name := drawClient(t).Name
				if old := r.Delete(name); !same(old, model[name]) {
					t.Fatalf("Delete(%q) = %v, want %v", name, old, model[name])
				}
				delete(model, name)
			},
			"": func(t *rapid.T) {
				c := drawClient(t)
				if got := r.ByName(c.Name); !same(got, model[c.Name]) {
					t.Fatalf("ByName(%q) = %v, want %v", c.Name, got, model[c.Name])
				}
				if got, want := r.ByAuthenticationName(c.AuthenticationName), find(c.AuthenticationName); !same(got, want) {
					t.Fatalf("ByAuthenticationName(%q) = %v, want %v", c.AuthenticationName, got, want)
				}
				n := 0
				for c := range r.All {
					if n++; !same(c, model[c.Name]) {
						t.Fatalf("All shows %v, want %v", c, model[c.Name])
					}
				}
				if r.Len() != len(model) || n != len(model) {
					t.Fatalf("Len() = %d, All shows %d, want %d", r.Len(), n, len(model))
				}
			},
		})
	})
}

// The tables grow, shrink and close their gaps.
func TestTablesGrowAndShrink(t *testing.T) {
	const n = 20000
	r := NewRegistry()
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	for _, i := range order {
		if _, err := r.Put(&Client{Name: fmt.Sprint("c", i), AuthenticationName: fmt.Sprint("É", i)}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(order[:n/2])
	for k, i := range order {
		if c := r.Delete(fmt.Sprint("c", i)); c == nil || c.AuthenticationName != fmt.Sprint("É", i) {
			t.Fatalf("Delete(%d) = %v", i, c)
		}
		if k%1000 == 0 {
			for _, i := range order[k+1:] {
				if r.ByAuthenticationName(fmt.Sprint("é", i)) == nil {
					t.Fatalf("%d is lost after %d were deleted", i, k+1)
				}
			}
		}
	}
	for by := range r.tables {
		for i := range r.tables[by] {
			if tab := &r.tables[by][i]; tab.n != 0 || len(tab.slots) > 4*minSlots {
				t.Errorf("table %d keeps %d records in %d slots", i, tab.n, len(tab.slots))
			}
		}
	}
}

// More attribute keys than the dictionary takes stay readable.
func TestManyKeys(t *testing.T) {
	r := NewRegistry()
	for i := range maxKeys + 100 {
		c := &Client{Name: fmt.Sprint("c", i), AuthenticationName: fmt.Sprint("c", i), Attributes: Attributes{fmt.Sprint("k", i): Integer(int64(-i))}}
		if _, err := r.Put(c); err != nil {
			t.Fatal(err)
		}
	}
	for i := range maxKeys + 100 {
		want := Attributes{fmt.Sprint("k", i): Integer(int64(-i))}
		if got := r.ByName(fmt.Sprint("c", i)).Attributes; !reflect.DeepEqual(got, want) {
			t.Fatalf("client %d has %v, want %v", i, got, want)
		}
	}
}

func TestRegistryConcurrent(t *testing.T) {
	r := NewRegistry()
	name := func(i int) string { return fmt.Sprint("c", i) }
	for i := range 500 {
		r.Put(&Client{Name: name(i), AuthenticationName: "F" + name(i)})
	}
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for i := range 3000 {
				c := &Client{Name: name(1000 + i%300*2 + w), Attributes: Attributes{fmt.Sprint("k", i%50): Text("x")}}
				c.AuthenticationName = c.Name
				r.Put(c)
				if i%3 == 0 {
					r.Delete(c.Name)
				}
			}
		})
		wg.Go(func() {
			for i := range 3000 {
				if c := r.ByAuthenticationName("f" + name(i%500)); c == nil || c.Name != name(i%500) {
					t.Errorf("%d not found", i%500)
				}
				if c := r.ByName(name(1000 + i%600)); c != nil && len(c.Attributes) != 1 {
					t.Errorf("%v", c)
				}
			}
		})
		wg.Go(func() {
			q, _ := ParseQuery(`authenticationName = "x"`)
			for range 20 {
				r.SetGroups([]*Group{{Name: "one", Query: q}})
				for range r.All {
				}
				if in := r.GroupsOf(&Principal{Name: "x"}); !slices.Equal(in, []string{AllClients, "one"}) {
					t.Errorf("groups %q", in)
				}
			}
		})
	}
	wg.Wait()
}

// someClient is like those of a fleet: a name, a few attributes; every second has a
// thumbprint.
func someClient(i int) *Client {
	c := &Client{Name: fmt.Sprintf("press-%07d", i)}
	c.AuthenticationName = c.Name
	c.Attributes = Attributes{
		"kind": Text([]string{"press", "oven", "saw"}[i%3]), "hall": Integer(int64(i % 40)),
		"probes": List("thermal", "acoustic"), "site": Text(fmt.Sprint("site-", i%500)),
	}
	if i%2 == 0 {
		c.Scheme, c.Thumbprints = ThumbprintMatch, []string{fmt.Sprintf("%064x", i)}
	}
	return c
}

func BenchmarkRegistryMemory(b *testing.B) {
	const n = 1_000_000
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		r := NewRegistry()
		for i := range n {
			r.Put(someClient(i))
		}
		b.ReportMetric(float64(heap()-before)/n, "B/client")
		runtime.KeepAlive(r)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/put")
}

func BenchmarkByAuthenticationName(b *testing.B) {
	const n = 1_000_000
	r := NewRegistry()
	names := make([]string, n)
	for i := range n {
		c := someClient(i)
		r.Put(c)
		names[i] = strings.ToUpper(c.Name)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := rand.IntN(n); pb.Next(); i = (i + 7919) % n {
			if r.ByAuthenticationName(names[i]) == nil {
				b.Error(names[i])
			}
		}
	})
}

func BenchmarkGroupsOf(b *testing.B) {
	r := NewRegistry()
	var groups []*Group
	for i := range 10 {
		q, err := ParseQuery(fmt.Sprintf(`(attributes.kind = "press" or attributes.kind in ['oven', 'saw']) and attributes.hall >= %d and attributes.probes = 'thermal'`, i*4))
		if err != nil {
			b.Fatal(err)
		}
		groups = append(groups, &Group{Name: fmt.Sprint("group-", i), Query: q})
	}
	r.SetGroups(groups)
	p := someClient(17).Principal(Certificate)
	b.ReportAllocs()
	for b.Loop() {
		r.GroupsOf(p)
	}
}
