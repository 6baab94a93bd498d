package server

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"gridmq/delivery/kafka"
	"gridmq/internal/outbound"
	"gridmq/internal/settings"
)

func checkKafka(c *Config, l *settings.Loader) {
	owner := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Kafka)) {
		one, path := c.Kafka[name], "kafka."+name
		oneOf(l, path+".mode", one.Mode, "structured", "binary")
		d := one.destination(name, "")
		for _, wrong := range d.Validate() {
			l.Problem(path+"."+wrong.Field, "%s", wrong.Text)
		}
		id := strings.ToLower(one.ResourceID)
		if other, taken := owner[id]; taken {
			l.Problem(path+".resource_id", "this is also that of kafka.%s", other)
		}
		owner[id] = name
	}
}

// destination is k as delivery/kafka has it. localCA is a CA to trust besides; may be
// empty.
func (k *KafkaTopic) destination(name, localCA string) kafka.Destination {
	d := kafka.Destination{Name: name, ResourceID: k.ResourceID, Brokers: k.Brokers, Topic: k.Topic,
		Binary: k.Mode == "binary", MessageBytes: int(k.MessageBytes), Compression: k.Compression}
	if k.TLS {
		d.TLS = &outbound.Options{CAFile: k.CAFile, AlsoTrust: localCA, CertificateFile: k.CertificateFile, KeyFile: k.KeyFile}
	}
	s := &k.SASL
	d.SASL = kafka.SASL{Mechanism: s.Mechanism, Username: s.Username, Password: kafka.Secret(s.Password), Tokens: kafka.TokenOptions{
		Token: kafka.Secret(s.Token), URL: s.TokenURL, ClientID: s.ClientID, ClientSecret: kafka.Secret(s.ClientSecret),
		Scope: s.Scope, CAFile: s.TokenCAFile}}
	return d
}

// newKafka makes what sends events to Kafka. It connects when there are some.
func (s *Server) newKafka() (*kafka.Producers, error) {
	var o kafka.Options
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Kafka)) {
		one := s.cfg.Kafka[name]
		o.Destinations = append(o.Destinations, one.destination(name, s.localCA))
	}
	p, err := kafka.New(o)
	if err != nil {
		return nil, err
	}
	promauto.With(s.registry).NewGaugeFunc(prometheus.GaugeOpts{Name: "gridmq_kafka_buffered_events", Help: "Events that Kafka clients hold: no broker has answered yet."},
		func() float64 { return float64(p.Buffered()) })
	return p, nil
}
