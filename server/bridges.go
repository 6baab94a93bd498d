package server

import (
	"context"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/bridge"
	"gridmq/broker"
	"gridmq/client"
	"gridmq/listener"
	"gridmq/session"
)

const (
	// bridgeDirectory is inside the data directory.
	bridgeDirectory = "bridges"
	// bridgePrefix begins the client identifiers, and the names, of bridges on our own
	// broker. Nobody else may have one.
	bridgePrefix = "$bridge/"
	// bridgeTransport is the transport of their connections, which only we can make.
	bridgeTransport = "bridge"
)

// bridges are those that run.
type bridges struct {
	s    *Server
	node string // its identity

	mu     sync.Mutex // held by who changes all
	all    atomic.Pointer[map[string]*running]
	closed bool
}

// A running bridge.
type running struct {
	*bridge.Bridge
	cfg  Bridge
	maps bridge.Maps
	stop context.CancelFunc
	done chan struct{}
}

func newBridges(s *Server) *bridges {
	b := &bridges{s: s}
	b.all.Store(&map[string]*running{})
	return b
}

// open makes the bridges of the configuration known, before the broker recovers their
// sessions.
func (b *bridges) open() (err error) {
	if len(b.s.cfg.Bridges) > 0 {
		b.node, err = bridge.NodeIdentity(filepath.Join(b.s.cfg.Data, bridgeDirectory))
	}
	if err != nil {
		return fmt.Errorf("bridges: %w", err)
	}
	all := map[string]*running{}
	for name, cfg := range b.s.cfg.Bridges {
		if cfg.Enabled {
			all[name] = b.make(name, cfg)
		}
	}
	b.all.Store(&all)
	return nil
}

func (b *bridges) make(name string, cfg Bridge) *running {
	id := cfg.ClientID
	if id == "" {
		id = "gridmq-" + b.node + "-" + name
	}
	r := &running{cfg: cfg, maps: cfg.maps()}
	most := uint32(0)
	if space, ok := (*b.s.spaces.Load())[cfg.Namespace]; ok {
		most = space.limits().MaximumPacketSize
	}
	r.Bridge = bridge.New(bridge.Options{
		Name: name, Identity: b.node + "/" + cfg.Namespace, Folder: filepath.Join(b.s.cfg.Data, bridgeDirectory),
		Target: client.Target{URL: cfg.Address}, Credentials: cfg.credentials(), ClientID: id, Version: cfg.version(), BridgeMode: cfg.BridgeMode,
		KeepAlive: cfg.KeepAlive, SessionExpiry: cfg.SessionExpiry, Window: uint16(cfg.Window), MaximumPacketSize: most, Maps: r.maps,
		Retry:   client.Backoff{First: cfg.Retry.First, Most: cfg.Retry.Most},
		LocalID: bridgePrefix + name, Local: func(context.Context) (net.Conn, error) { return b.connect(cfg.Namespace), nil }, Logger: b.s.log,
	})
	return r
}

// connect is a connection to our own broker, in memory.
func (b *bridges) connect(namespace string) net.Conn {
	near, far := listener.NewPipe()
	go func() { // one step; the connection ends with far, or with the broker
		broker.Run(b.s.broker.Serve(near, broker.Peer{Namespace: namespace, Transport: bridgeTransport, Listener: bridgeTransport}))
	}()
	return far
}

// start begins the bridges that are known. Sessions of others, which are not
// configured any more, end.
func (b *bridges) start(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endOthers()
	for name, r := range *b.all.Load() {
		if err := b.begin(ctx, r); err != nil {
			return err
		}
		if strings.HasPrefix(r.cfg.Address, "mqtt://") && !isLoopback(hostPort(r.cfg.Address)) {
			b.s.log.Warn("bridge is not encrypted", "bridge", name, "address", r.cfg.Address)
		}
	}
	return nil
}

// prepareTime bounds how long our own broker may take to let a bridge in.
const prepareTime = 30 * time.Second

func (b *bridges) begin(ctx context.Context, r *running) error {
	ready, cancel := context.WithTimeout(ctx, prepareTime)
	defer cancel()
	if err := r.Prepare(ready); err != nil {
		return err
	}
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx)) // drain stops it, in its turn
	r.done = make(chan struct{})
	go func() {
		defer close(r.done)
		r.Run(ctx)
	}()
	return nil
}

func (r *running) end() {
	if r.stop != nil {
		r.stop()
		<-r.done
	}
}

// endOthers ends sessions that no bridge has.
func (b *bridges) endOthers() {
	all := *b.all.Load()
	spaces := slices.Collect(maps.Keys(*b.s.spaces.Load()))
	for _, space := range append(spaces, DevNamespace, QuickstartNamespace) {
		var gone []string
		b.s.broker.Sessions(space, func(i broker.SessionInfo) bool {
			if name, is := strings.CutPrefix(i.ClientID, bridgePrefix); is && (all[name] == nil || all[name].cfg.Namespace != space) {
				gone = append(gone, i.ClientID)
			}
			return true
		})
		for _, id := range gone {
			b.s.broker.EndSession(space, id)
			b.s.log.Info("bridge is not configured any more; what waited for it was deleted", "namespace", space, "bridge", id[len(bridgePrefix):])
		}
	}
}

// reload takes over another configuration: a bridge that has changed begins anew, with
// the messages that wait for it; one that has gone leaves nothing behind.
func (b *bridges) reload(next map[string]Bridge) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	if b.node == "" && len(next) > 0 {
		var err error
		if b.node, err = bridge.NodeIdentity(filepath.Join(b.s.cfg.Data, bridgeDirectory)); err != nil {
			return fmt.Errorf("bridges: %w", err)
		}
	}
	old, all := *b.all.Load(), map[string]*running{}
	var fresh []*running
	for name, cfg := range next {
		switch r := old[name]; {
		case !cfg.Enabled:
		case r != nil && reflect.DeepEqual(r.cfg, cfg):
			all[name] = r
		default:
			all[name] = b.make(name, cfg)
			fresh = append(fresh, all[name])
		}
	}
	for name, r := range old {
		if all[name] == r {
			continue
		}
		r.end()
		if !has(next, name) {
			if err := r.Forget(); err != nil {
				b.s.log.Warn("bridge not forgotten", "bridge", name, "err", err)
			}
		}
	}
	b.all.Store(&all)
	b.endOthers()
	for _, r := range fresh {
		if err := b.begin(context.Background(), r); err != nil {
			return err
		}
	}
	return nil
}

// close ends all of them; ctx of start does not.
func (b *bridges) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	var all sync.WaitGroup
	for _, r := range *b.all.Load() {
		all.Go(r.end)
	}
	all.Wait()
}

// of is the bridge with this session in this namespace; nil: none.
func (b *bridges) of(namespace, clientID string) *running {
	name, is := strings.CutPrefix(clientID, bridgePrefix)
	if !is {
		return nil
	}
	if r := (*b.all.Load())[name]; r != nil && strings.EqualFold(r.cfg.Namespace, namespace) {
		return r
	}
	return nil
}

// exempt gives a bridge's session the bounds of the bridge, and none of those that are
// there to keep clients from harm.
func (b *bridges) exempt(namespace string) broker.Exempt {
	return func(clientID string, l *broker.Limits) *broker.Exemption {
		r := b.of(namespace, clientID)
		if r == nil {
			return nil
		}
		own := *l
		own.Queue = session.Bounds{Messages: r.cfg.Queue.Messages, Bytes: int(r.cfg.Queue.Bytes), Policy: r.cfg.Queue.Policy}
		own.SendMaximum, own.SendBytes, own.ReceiveMaximum = uint16(r.cfg.Window), 0, uint16(r.cfg.Window)
		own.SessionExpiryMaximum, own.KeepAliveMaximum = 0, 0
		own.SessionConnectRate, own.SessionSubscribeRate, own.SessionPublishRate, own.SessionPublishBytes = 0, 0, 0, 0
		own.SessionDeliveryRate, own.SessionDeliveryBytes = 0, 0
		own.Subscriptions, own.FiltersPerSubscribe = 0, 0
		own.NegativeAckDisconnects = false
		return &broker.Exemption{Limits: own, Dropped: r.dropped}
	}
}

// dropped counts what our own broker could not keep for the bridge.
func (r *running) dropped(why session.Reason) {
	switch why {
	case session.Overflow:
		r.Stats().Lose(bridge.Out, bridge.Overflow)
	case session.Expired:
		r.Stats().Lose(bridge.Out, bridge.Expired)
	case session.TooLarge:
		r.Stats().Lose(bridge.Out, bridge.TooLarge)
	case session.Withdrawn:
		r.Stats().Lose(bridge.Out, bridge.Unmapped)
	}
}

// collector shows them as metrics.
func (b *bridges) collector() bridge.Collector {
	return bridge.Collector{
		Bridges: func() (list []*bridge.Bridge) {
			for _, r := range *b.all.Load() {
				list = append(list, r.Bridge)
			}
			return list
		},
		Queue: func(one *bridge.Bridge) (messages, bytes int) {
			if r := (*b.all.Load())[one.Name()]; r != nil {
				i, _ := b.s.broker.Session(r.cfg.Namespace, bridgePrefix+one.Name())
				messages, bytes = i.Queued, i.QueuedBytes
			}
			return messages, bytes
		},
	}
}

// hostPort is what stands behind the scheme of an address.
func hostPort(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	rest = strings.TrimSuffix(rest, "/")
	if _, _, err := net.SplitHostPort(rest); err != nil {
		return net.JoinHostPort(rest, "1883")
	}
	return rest
}
