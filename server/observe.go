package server

import (
	"context"
	"maps"
	"net"
	"slices"
	"strings"

	"gridmq/control"
	"gridmq/delivery"
)

// What the management plane shows besides resources.

// observer implements control.MetricReader, control.EventCounter and
// control.AddressBook.
type observer struct{ s *Server }

// Metrics implements control.MetricReader.
func (o observer) Metrics(_ context.Context, prefix string) (all []control.Metric, err error) {
	families, err := o.s.registry.Gather()
	if err != nil {
		return nil, err
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), prefix) {
			continue
		}
		one := control.Metric{Name: f.GetName(), Type: strings.ToLower(f.GetType().String()), Samples: []control.Sample{}}
		for _, m := range f.GetMetric() {
			s := control.Sample{Value: m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()} // it is one of them
			switch {
			case m.GetHistogram() != nil:
				s.Value, s.Count = m.GetHistogram().GetSampleSum(), m.GetHistogram().GetSampleCount()
			case m.GetSummary() != nil:
				s.Value, s.Count = m.GetSummary().GetSampleSum(), m.GetSummary().GetSampleCount()
			}
			for _, l := range m.GetLabel() {
				if s.Labels == nil {
					s.Labels = map[string]string{}
				}
				s.Labels[l.GetName()] = l.GetValue()
			}
			one.Samples = append(one.Samples, s)
		}
		all = append(all, one)
	}
	return all, nil
}

// EventCounts implements control.EventCounter.
func (o observer) EventCounts(_ context.Context, namespace, after string, limit int) (page []control.TopicCounts, next string, err error) {
	for _, s := range o.s.events.Streams() {
		if s.Namespace() != namespace || strings.ToLower(s.Name()) <= after {
			continue
		}
		if len(page) == limit {
			return page, strings.ToLower(page[limit-1].Name), nil
		}
		page = append(page, countsOf(s))
	}
	return page, "", nil
}

func countsOf(s *delivery.Stream) control.TopicCounts {
	st := s.Stats()
	t := control.TopicCounts{Name: s.Name(), Published: st.Published, Discarded: st.Discarded, Refused: st.Refused, Bytes: st.Bytes,
		Subscriptions: []control.SubscriptionCounts{}}
	for _, q := range s.Queues() {
		c, mode := q.Stats(), "Queue"
		if q.Mode() == delivery.Push {
			mode = "Push"
		}
		t.Subscriptions = append(t.Subscriptions, control.SubscriptionCounts{Name: q.Name(), Mode: mode, Matched: c.Matched, Unmatched: c.Unmatched,
			Delivered: c.Received, Failed: c.Undelivered, Acknowledged: c.Acknowledged, Released: c.Released, Rejected: c.Rejected, DeadLettered: c.DeadLettered,
			Dropped: c.Dropped, Unread: c.Unread, Outstanding: c.Outstanding, DeadLettersDue: c.Departures})
	}
	slices.SortFunc(t.Subscriptions, func(a, b control.SubscriptionCounts) int { return strings.Compare(a.Name, b.Name) })
	return t
}

// Addresses implements control.AddressBook. A namespace is reached by its host names on
// every listener that learns which one was meant, and by any name on those that are
// its own.
func (o observer) Addresses(_ context.Context, namespace string) (list []control.Address, err error) {
	all := withDev(&o.s.cfg)
	names := append(o.s.tenants.HostsOf(namespace), o.s.hosts.of(namespace)...)
	bound := o.s.Addresses()
	for _, listener := range slices.Sorted(maps.Keys(bound)) {
		l, ours := all[listener]
		if !ours || l.Namespace == DevNamespace {
			continue
		}
		scheme, rest, _ := strings.Cut(bound[listener].URL, "://")
		host, port, err := net.SplitHostPort(bound[listener].Address)
		if err != nil {
			continue
		}
		path := strings.TrimPrefix(rest, bound[listener].Address)
		reached := slices.Clone(names)
		if l.Transport == "tcp" {
			reached = nil // it is told no name
		}
		if l.Namespace == namespace && len(reached) == 0 {
			reached = []string{o.s.nameFor(host)}
		}
		slices.Sort(reached)
		for _, name := range slices.Compact(reached) {
			list = append(list, control.Address{Listener: listener, Transport: l.Transport, URL: scheme + "://" + net.JoinHostPort(name, port) + path})
		}
	}
	return list, nil
}

// nameFor is a name for an address that a listener is bound to: that of this machine
// in our certificate, when it is bound to all.
func (s *Server) nameFor(host string) string {
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() && !ip.IsLoopback() {
		return host
	}
	if len(s.cfg.TLS.Hosts) > 0 {
		return s.cfg.TLS.Hosts[0]
	}
	return "localhost"
}

// of are the names of a namespace in the configuration.
func (h hosts) of(namespace string) (list []string) {
	for host, ns := range h.byHost {
		if ns == namespace {
			list = append(list, host)
		}
	}
	if h.domain != "" && h.spaces[namespace] {
		list = append(list, namespace+h.domain)
	}
	return list
}

// webSocketOrigins are where the console's live client may connect to, for a page at
// host: the secure WebSocket listeners at that name, at the names in our certificate
// and at those of namespaces below the domain; by HTTPS before, which is when browsers
// settle what certificate they show. All of that is told to whoever
// connects; the names of other namespaces are not, as the page is everybody's.
func (s *Server) webSocketOrigins(host string) (list []string) {
	all, bound := withDev(&s.cfg), s.Addresses()
	for _, name := range slices.Sorted(maps.Keys(bound)) {
		if l, ours := all[name]; !ours || l.Transport != "wss" {
			continue
		}
		_, port, err := net.SplitHostPort(bound[name].Address)
		if err != nil {
			continue
		}
		hosts := append([]string{host}, s.cfg.TLS.Hosts...)
		if s.cfg.Domain != "" {
			hosts = append(hosts, "*."+canonicalHost(s.cfg.Domain))
		}
		for _, h := range hosts {
			if h = h + ":" + port; strings.Count(h, ":") == 1 && !strings.HasPrefix(h, ":") && !slices.Contains(list, "wss://"+h) {
				list = append(list, "wss://"+h, "https://"+h) // a policy cannot name an IPv6 address
			}
		}
	}
	return list
}
