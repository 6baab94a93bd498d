package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gridmq/broker"
	"gridmq/control/namespace"
	"gridmq/internal/settings"
)

// limitsOf are those of a namespace: its profile, what the configuration replaces,
// what the resource replaces. Source: spec/control-plane.md, section 4.3.
func (s *Server) limitsOf(n *namespace.Namespace) broker.Limits {
	file, configured := (*s.spaces.Load())[strings.ToLower(n.Name)]
	if !configured {
		file.Profile = n.Profile()
	}
	l := file.limits()
	if file.Profile == namespace.Azure {
		units := max(1, n.Capacity)
		for _, most := range []*int{&l.Sessions, &l.ConnectRate, &l.PublishRate, &l.PublishBytes,
			&l.DeliveryRate, &l.DeliveryBytes, &l.RetainedMessages} { // documented per throughput unit
			*most *= units
		}
		l.RetainedTotalBytes *= int64(units)
	}
	if n.SessionExpiryHours > 0 {
		l.SessionExpiryMaximum = uint32(n.SessionExpiryHours) * 3600
	}
	if n.SessionsPerName > 0 {
		l.SessionsPerName = n.SessionsPerName
	}
	for name, rate := range map[string]*int{"connects": &l.ConnectRate, "subscribes": &l.SubscribeRate,
		"subscribesPerSession": &l.SessionSubscribeRate, "publishes": &l.PublishRate, "publishBytes": &l.PublishBytes,
		"publishesPerSession": &l.SessionPublishRate, "publishBytesPerSession": &l.SessionPublishBytes,
		"deliveries": &l.DeliveryRate, "deliveryBytes": &l.DeliveryBytes,
		"deliveriesPerSession": &l.SessionDeliveryRate, "deliveryBytesPerSession": &l.SessionDeliveryBytes} {
		if v, given := n.GridMQ.Rates[name]; given {
			*rate = int(v)
		}
	}
	if more, err := readLimits(n.GridMQ.Limits); err == nil { // else it was checked by an older gridmq
		l = more.Apply(l)
	} else {
		s.log.Error("limits of the namespace not understood", "namespace", n.Name, "err", err)
	}
	return l
}

// checkResourceLimits says what is wrong with properties.gridmq.limits.
func checkResourceLimits(_ string, limits json.RawMessage) error {
	_, err := readLimits(limits)
	return err
}

// readLimits reads an object with the names that the configuration file has for
// limits, as {"sessions_per_name": 5, "queue": {"messages": 100}}.
func readLimits(limits json.RawMessage) (settings.Overrides[broker.Limits], error) {
	var into struct {
		Limits settings.Overrides[broker.Limits]
	}
	if len(limits) == 0 {
		return into.Limits, nil
	}
	var tree map[string]any
	if err := json.Unmarshal(limits, &tree); err != nil {
		return into.Limits, err
	}
	l := settings.New(&into)
	if err := setLimits(l, "limits", tree); err != nil {
		return into.Limits, err
	}
	return into.Limits, l.Err()
}

func setLimits(l *settings.Loader, path string, tree map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		at := path + "." + name
		switch v := tree[name].(type) {
		case map[string]any:
			if err := setLimits(l, at, v); err != nil {
				return err
			}
		case float64:
			l.Set("resource", at, fmt.Sprintf("%.0f", v))
		case string, bool:
			l.Set("resource", at, fmt.Sprint(v))
		default:
			return errors.New(at + ": want a number, a text or a truth value")
		}
	}
	return nil
}
