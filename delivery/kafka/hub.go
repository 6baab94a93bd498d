package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A hub is a destination with its client, which is there while somebody sends and for a
// while after.
type hub struct {
	d       *Destination
	options []kgo.Opt
	idle    time.Duration
	last    lastConnect

	mu      sync.Mutex // guards what follows
	closed  bool
	client  *kgo.Client // nil: none
	users   int
	timer   *time.Timer
	closing sync.WaitGroup
}

var errClosed = errors.New("the broker is closing")

// newHub makes a hub. Errors: a file cannot be read.
func newHub(d Destination, o *Options) (*hub, error) {
	h := &hub{d: &d, idle: o.Idle}
	n := d.MessageBytes
	if n == 0 {
		n = defaultMessageBytes
	}
	h.options = []kgo.Opt{
		kgo.SeedBrokers(d.Brokers...),
		kgo.ClientID("gridmq"),
		kgo.DefaultProduceTopic(d.Topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), // as Kafka's own clients
		kgo.ProducerBatchCompression(compressions[d.Compression]),
		kgo.ProducerBatchMaxBytes(int32(n)),
		kgo.ProducerLinger(linger),
		kgo.MaxBufferedRecords(MaxRecords),
		kgo.MaxBufferedBytes(MaxBytes),
		// The end of an attempt is the end of waiting: what has no answer by then is sent
		// again, as another record.
		kgo.AllowIdempotentProduceCancellation(),
		kgo.ProduceRequestTimeout(requestTime),
		kgo.RequestTimeoutOverhead(wayTime),
		kgo.ConnIdleTimeout(idleTime),
		kgo.MetadataMaxAge(idleTime),
		kgo.DisableClientMetrics(), // what we send is nobody's else
		kgo.WithHooks(&h.last),
	}
	dial := o.Dial
	if d.TLS != nil {
		trust, err := d.TLS.TLS()
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		dial = secure(dial, trust)
	}
	h.options = append(h.options, kgo.Dialer(dial))
	mechanism, err := d.SASL.mechanism()
	if err != nil {
		return nil, fmt.Errorf("sasl: %w", err)
	}
	if mechanism != nil {
		h.options = append(h.options, kgo.SASL(mechanism))
	}
	// What is wrong with the options themselves is known only now, to be told at start.
	return h, kgo.ValidateOpts(h.options...)
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// secure makes connections of dial secure.
func secure(dial dialFunc, trust *tls.Config) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		nc, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		own := trust.Clone()
		own.ServerName = host
		secured := tls.Client(nc, own)
		ctx, cancel := context.WithTimeout(ctx, dialTime)
		defer cancel()
		if err := secured.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, err
		}
		return secured, nil
	}
}

// acquire is the client of h, to be released.
func (h *hub) acquire() (*kgo.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errClosed
	}
	if h.client == nil {
		c, err := kgo.NewClient(h.options...) // it connects when it has something to send
		if err != nil {
			return nil, err
		}
		h.client = c
	}
	h.stopTimer()
	h.users++
	return h.client, nil
}

func (h *hub) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.users--; h.users == 0 && !h.closed {
		h.timer = time.AfterFunc(h.idle, h.rest)
	}
}

func (h *hub) stopTimer() {
	if h.timer != nil {
		h.timer.Stop()
	}
}

// rest closes a client that nobody has used for a while.
func (h *hub) rest() {
	h.mu.Lock()
	c := h.client
	if h.users > 0 || h.closed || c == nil {
		h.mu.Unlock()
		return
	}
	h.client = nil
	h.closing.Add(1)
	h.mu.Unlock()
	defer h.closing.Done()
	c.Close()
}

// close ends h. Whoever sends is told so.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	h.stopTimer()
	c := h.client
	h.client = nil
	h.mu.Unlock()
	if c != nil {
		c.Close()
	}
	h.closing.Wait()
}

// buffered is how many records the client holds.
func (h *hub) buffered() int64 {
	h.mu.Lock()
	c := h.client
	h.mu.Unlock()
	if c == nil {
		return 0
	}
	return c.BufferedProduceRecords()
}

// lastConnect is what came of the last connection to a broker: the reason why nothing
// was answered, when nothing was.
type lastConnect struct {
	mu  sync.Mutex
	err error
	at  time.Time
}

var _ kgo.HookBrokerConnect = (*lastConnect)(nil)

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (l *lastConnect) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err, l.at = err, time.Now()
}

// failure is why the last connection failed; nil if it did not, or not since then.
func (l *lastConnect) failure(since time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at.Before(since) {
		return nil
	}
	return l.err
}

var compressions = map[string]kgo.CompressionCodec{
	"": kgo.NoCompression(), "none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}
