package access

import (
	"fmt"
	"runtime"
	"testing"

	"gridmq/identity"
)

// plantPolicy is a typical one: 3 topic spaces, 4 bindings, one variable.
func plantPolicy(b testing.TB) *Policy {
	return policyOf([]*TopicSpace{
		space(b, "telemetry", "machines/${client.authenticationName}/telemetry/#"),
		space(b, "commands", "machines/${client.authenticationName}/commands/+", "broadcast/#"),
		space(b, "reports", "reports/+/daily"),
	}, bind("b-tele", "machines", "telemetry", Publisher), bind("b-cmd", "machines", "commands", Subscriber),
		bind("b-all", AllClients, "reports", Subscriber), bind("b-mgr", "managers", "commands", Publisher))
}

// manyTemplates are n of them that look like those of a plant, in spaces of ten.
func manyTemplates(b testing.TB, n int) *Policy {
	var spaces []*TopicSpace
	var bindings []*Binding
	for i := 0; i < n; i += MaxTemplates {
		var texts []string
		for j := i; j < min(i+MaxTemplates, n); j++ {
			texts = append(texts, []string{
				"site/%d/line/+/press/${client.authenticationName}/state", "site/%d/line/#", "site/${client.attributes.hall}/cell/%d/+", "alerts/%d/+/hall/#",
			}[j%4])
			texts[len(texts)-1] = fmt.Sprintf(texts[len(texts)-1], j)
		}
		name := fmt.Sprintf("space-%d", i)
		spaces = append(spaces, space(b, name, texts...))
		bindings = append(bindings, bind("p-"+name, AllClients, name, Publisher), bind("s-"+name, AllClients, name, Subscriber))
	}
	return policyOf(spaces, bindings...)
}

func BenchmarkDecisions(b *testing.B) {
	who := registered("press-0000007", identity.Attributes{"hall": identity.Integer(4)})
	for _, n := range []int{1, 10, 100} {
		g := manyTemplates(b, n).Compile(who, nil)
		at := (n - 1) / 4 * 4
		own := fmt.Sprintf("site/%d/line/7/press/press-0000007/state", at)
		run := func(name string, want bool, decide func() bool) {
			b.Run(fmt.Sprintf("templates=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if decide() != want {
						b.Fatal("decided otherwise")
					}
				}
			})
		}
		run("publish", true, func() bool { return g.Publish(own).Allowed })
		run("refused late", false, func() bool { return g.Publish("site/0/line/7/press/press-0000008/state").Allowed })
		run("refused early", false, func() bool { return g.Publish("no/such/topic/in/any/space").Allowed })
		run("subscribe", true, func() bool { return g.Subscribe(own).Allowed })
		run("receive", true, func() bool { return g.MayReceive(own) })
	}
}

func BenchmarkTypical(b *testing.B) {
	g := plantPolicy(b).Compile(registered("press-0000007", nil), []string{"machines"})
	b.Run("publish", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			g.Publish("machines/press-0000007/telemetry/temperature")
		}
	})
	b.Run("subscribe", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			g.Subscribe("machines/press-0000007/commands/+")
		}
	})
	b.Run("receive", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			g.MayReceive("broadcast/plant/all")
		}
	})
}

// BenchmarkWorst is the most that bounds allow of a list: 1,024 values, the last fits.
func BenchmarkWorst(b *testing.B) {
	var list []string
	for i := range 1024 {
		list = append(list, fmt.Sprintf("v%d", i))
	}
	g := open(b, registered("n", identity.Attributes{"l": identity.List(list...)}), "a/${client.attributes.l}/b")
	b.ReportAllocs()
	for b.Loop() {
		if !g.Publish("a/v1023/b").Allowed {
			b.Fatal("refused")
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for name, p := range map[string]*Policy{"typical": plantPolicy(b), "templates=100": manyTemplates(b, 100)} {
		who := registered("press-0000007", identity.Attributes{"hall": identity.Integer(4)})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Compile(who, []string{AllClients, "machines"})
			}
		})
		b.Run(name+"/first", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.mu.Lock()
				clear(p.classes)
				p.mu.Unlock()
				p.Compile(who, []string{AllClients, "machines"})
			}
		})
	}
}

func BenchmarkSame(b *testing.B) {
	who := registered("press-0000007", identity.Attributes{"hall": identity.Integer(4)})
	g, h := manyTemplates(b, 100).Compile(who, nil), manyTemplates(b, 100).Compile(who, nil)
	b.ReportAllocs()
	for b.Loop() {
		if !g.Same(h) {
			b.Fatal("not the same")
		}
	}
}

func BenchmarkExplain(b *testing.B) {
	who := registered("press-0000007", identity.Attributes{"hall": identity.Integer(4)})
	p := manyTemplates(b, 100)
	b.ReportAllocs()
	for b.Loop() {
		_ = p.Explain(who, nil, Publish, "site/7/nothing").String()
	}
}

// BenchmarkClients compiles a million clients. bytes/client is what their grants
// cost beside the principals.
func BenchmarkClients(b *testing.B) {
	const n = 1_000_000
	for name, group := range map[string]string{"one variable": "machines", "no variables": "others"} {
		b.Run(name, func(b *testing.B) {
			who := make([]*identity.Principal, n)
			for i := range who {
				who[i] = registered(fmt.Sprintf("press-%07d", i), nil)
			}
			groups := []string{AllClients, group}
			all := make([]*Grants, n)
			for b.Loop() {
				clear(all)
				before := heap()
				p := plantPolicy(b)
				for i := range who {
					all[i] = p.Compile(who[i], groups)
				}
				b.ReportMetric(float64(heap()-before)/n, "bytes/client")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/client")
			runtime.KeepAlive(all)
			runtime.KeepAlive(who)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
