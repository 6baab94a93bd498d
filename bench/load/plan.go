package load

import "fmt"

// A plan says who sends what to whom in a scenario of steady traffic.
type plan struct {
	topic   func(pub int) string
	filters func(sub int) []string
	fan     int // receivers of one message
	// from and to delimit the publishers that subscriber sub receives from.
	from, to func(sub int) int
	// aim is publisher.aim.
	aim func(n uint64, topic []byte) (seq uint64)
	// share is how many messages of a publisher with sent are meant for
	// subscriber sub. Default: all.
	share func(sub int, sent uint64) uint64
}

// newPlan makes the plan of the run's scenario.
func (r *run) newPlan() plan {
	all := func(int) int { return r.Publishers }
	none := func(int) int { return 0 }
	switch r.result.Scenario {
	case "fanin":
		return plan{
			topic:   func(i int) string { return fmt.Sprintf("%s/in/%d", r.Prefix, i) },
			filters: func(int) []string { return []string{r.Prefix + "/in/+"} },
			fan:     r.Subscribers, from: none, to: all,
		}
	case "fanout":
		return plan{
			topic:   func(i int) string { return r.Prefix + "/out" },
			filters: func(int) []string { return []string{r.Prefix + "/out"} },
			fan:     r.Subscribers, from: none, to: all,
		}
	case "wildcard":
		return r.wildcardPlan()
	}
	return plan{
		topic:   func(i int) string { return fmt.Sprintf("%s/pair/%d", r.Prefix, i) },
		filters: func(i int) []string { return []string{fmt.Sprintf("%s/pair/%d", r.Prefix, i)} },
		fan:     1, from: func(i int) int { return i }, to: func(i int) int { return i + 1 },
	}
}

// wildcardPlan has Filters filters of four shapes, numbered u and dealt out to
// the subscribers in turn. A topic for u matches exactly filter u, but an index
// has to look behind the "+" of others to know:
//
//	u%4  filter              topic
//	0    w/000000/+/t        w/000000/a/t
//	1    w/+/000001/t        w/aaaaaa/000001/t
//	2    w/b/+/000002/#      w/b/aaaaaa/000002/x
//	3    w/000003/#          w/000003/p/q
//
// All topics are equally long, so that a packet is patched in place.
func (r *run) wildcardPlan() plan {
	base := r.Prefix + "/w/"
	filterShapes := [4]string{"%06d/+/t", "+/%06d/t", "b/+/%06d/#", "%06d/#"}
	// 20 bytes each, with the digits at digitsAt.
	topicShapes := [4]string{"000000/aaaaaaaaaaa/t", "aaaaaaaaaaa/000000/t", "b/aaaaaaaa/000000/xx", "000000/p/qqqqqqqqqqq"}
	digitsAt := [4]int{0, 12, 11, 0}
	clients, filters := uint64(r.Subscribers), uint64(r.Filters)
	return plan{
		topic: func(int) string { return base + topicShapes[0] },
		filters: func(sub int) []string {
			var fs []string
			for u := sub; u < r.Filters; u += r.Subscribers {
				fs = append(fs, base+fmt.Sprintf(filterShapes[u%4], u))
			}
			return fs
		},
		fan: 1, from: func(int) int { return 0 }, to: func(int) int { return r.Publishers },
		aim: func(n uint64, topic []byte) uint64 {
			u := n % filters
			t := topic[len(base):]
			copy(t, topicShapes[u%4])
			putDigits(t[digitsAt[u%4]:][:6], u)
			return n / clients // filters is a multiple of clients: each gets every clients-th message
		},
		share: func(sub int, sent uint64) uint64 {
			if sent <= uint64(sub) {
				return 0
			}
			return (sent-uint64(sub)-1)/clients + 1
		},
	}
}

// meantFor is how many of sent messages of one publisher go to subscriber sub.
func (p *plan) meantFor(sub int, sent uint64) uint64 {
	if p.share == nil {
		return sent
	}
	return p.share(sub, sent)
}

// inTransit is how many messages of one publisher may be on their way to the
// subscribers: twice the acknowledgement window at QoS 1 and 2 so that
// acknowledgements lead, but not more than 5,000 for one subscriber in all, which
// every broker's queue holds.
func (r *run) inTransit(p plan) int64 {
	const perSubscriber = 5000
	n := r.Window
	if r.QoS > QoS0 {
		n = 2 * r.Window
	}
	return int64(max(1, min(n, perSubscriber/max(1, p.to(0)-p.from(0)))))
}
