package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gridmq/mqtt"
)

// A propertySet holds properties by the packet they go into.
type propertySet struct {
	connect, publish, subscribe, unsubscribe, disconnect, will mqtt.Properties
}

func (s *propertySet) of(command string) *mqtt.Properties {
	return map[string]*mqtt.Properties{
		"connect": &s.connect, "publish": &s.publish, "subscribe": &s.subscribe,
		"unsubscribe": &s.unsubscribe, "disconnect": &s.disconnect, "will": &s.will,
	}[command]
}

// propertyNames are the names mosquitto's tools give to properties, with the
// packets that may carry them.
var propertyNames = map[string]struct {
	id       mqtt.PropID
	set      func(p *mqtt.Properties, v string) error
	commands string
}{
	"content-type":                 {mqtt.PropContentType, text(func(p *mqtt.Properties) *string { return &p.ContentType }), "publish will"},
	"correlation-data":             {mqtt.PropCorrelationData, setCorrelation, "publish will"},
	"maximum-packet-size":          {mqtt.PropMaximumPacketSize, number32(func(p *mqtt.Properties) *uint32 { return &p.MaximumPacketSize }, 1), "connect"},
	"message-expiry-interval":      {mqtt.PropMessageExpiryInterval, number32(func(p *mqtt.Properties) *uint32 { return &p.MessageExpiryInterval }, 0), "publish will"},
	"payload-format-indicator":     {mqtt.PropPayloadFormatIndicator, flag(func(p *mqtt.Properties) *byte { return &p.PayloadFormatIndicator }), "publish will"},
	"receive-maximum":              {mqtt.PropReceiveMaximum, number16(func(p *mqtt.Properties) *uint16 { return &p.ReceiveMaximum }, 1), "connect"},
	"request-problem-information":  {mqtt.PropRequestProblemInformation, flag(func(p *mqtt.Properties) *byte { return &p.RequestProblemInformation }), "connect"},
	"request-response-information": {mqtt.PropRequestResponseInformation, flag(func(p *mqtt.Properties) *byte { return &p.RequestResponseInformation }), "connect"},
	"response-topic":               {mqtt.PropResponseTopic, text(func(p *mqtt.Properties) *string { return &p.ResponseTopic }), "publish will"},
	"session-expiry-interval":      {mqtt.PropSessionExpiryInterval, number32(func(p *mqtt.Properties) *uint32 { return &p.SessionExpiryInterval }, 0), "connect disconnect"},
	"subscription-identifier":      {mqtt.PropSubscriptionIdentifier, setSubscriptionID, "subscribe"},
	"topic-alias":                  {mqtt.PropTopicAlias, number16(func(p *mqtt.Properties) *uint16 { return &p.TopicAlias }, 1), "publish"},
	"topic-alias-maximum":          {mqtt.PropTopicAliasMaximum, number16(func(p *mqtt.Properties) *uint16 { return &p.TopicAliasMaximum }, 0), "connect"},
	"user-property":                {mqtt.PropUserProperty, nil, "connect publish subscribe unsubscribe disconnect will"},
	"will-delay-interval":          {mqtt.PropWillDelayInterval, number32(func(p *mqtt.Properties) *uint32 { return &p.WillDelayInterval }, 0), "will"},
}

// parse takes the commands that -D was given, in order, and finds the rest of
// each among args: "-D publish user-property k v" leaves three of them. What
// nobody wanted is returned.
func (s *propertySet) parse(commands, args []string) (rest []string, err error) {
	for _, command := range commands {
		p := s.of(command)
		if p == nil {
			return nil, fmt.Errorf("-D %s: want connect, publish, subscribe, unsubscribe, disconnect or will", command)
		}
		if len(args) == 0 {
			return nil, fmt.Errorf("-D %s: want a property name and its value after it", command)
		}
		name := args[0]
		def, known := propertyNames[name]
		switch {
		case !known:
			return nil, fmt.Errorf("-D %s %s: unknown property; there are %s", command, name, strings.Join(namesFor(command), ", "))
		case !slices.Contains(strings.Fields(def.commands), command):
			return nil, fmt.Errorf("-D %s %s: that is a property of %s", command, name, strings.ReplaceAll(def.commands, " ", ", "))
		}
		values := 1
		if name == "user-property" {
			values = 2
		}
		if len(args) < 1+values {
			return nil, fmt.Errorf("-D %s %s: want %s after it (a value that begins with - has to be given with the long flags)",
				command, name, map[int]string{1: "a value", 2: "a name and a value"}[values])
		}
		if values == 2 {
			p.UserProperties = append(p.UserProperties, mqtt.UserProperty{Name: args[1], Value: args[2]})
		} else if err := def.set(p, args[1]); err != nil {
			return nil, fmt.Errorf("-D %s %s %s: %w", command, name, args[1], err)
		}
		p.Mark(def.id)
		args = args[1+values:]
	}
	return args, nil
}

func namesFor(command string) (names []string) {
	for name, def := range propertyNames {
		if slices.Contains(strings.Fields(def.commands), command) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// userProperties reads k=v pairs.
func userProperties(pairs []string) (us []mqtt.UserProperty, err error) {
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("--user-property %q: want name=value", pair)
		}
		us = append(us, mqtt.UserProperty{Name: name, Value: value})
	}
	return us, nil
}

func text(field func(*mqtt.Properties) *string) func(*mqtt.Properties, string) error {
	return func(p *mqtt.Properties, v string) error {
		if !mqtt.ValidString(v) {
			return fmt.Errorf("not a string that MQTT allows")
		}
		*field(p) = v
		return nil
	}
}

func flag(field func(*mqtt.Properties) *byte) func(*mqtt.Properties, string) error {
	return func(p *mqtt.Properties, v string) error {
		n, err := strconv.ParseUint(v, 10, 1)
		if err != nil {
			return fmt.Errorf("want 0 or 1")
		}
		*field(p) = byte(n)
		return nil
	}
}

func number16(field func(*mqtt.Properties) *uint16, least uint64) func(*mqtt.Properties, string) error {
	return func(p *mqtt.Properties, v string) error {
		n, err := strconv.ParseUint(v, 10, 16)
		if err != nil || n < least {
			return fmt.Errorf("want a number from %d to 65535", least)
		}
		*field(p) = uint16(n)
		return nil
	}
}

func number32(field func(*mqtt.Properties) *uint32, least uint64) func(*mqtt.Properties, string) error {
	return func(p *mqtt.Properties, v string) error {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil || n < least {
			return fmt.Errorf("want a number from %d to 4294967295", least)
		}
		*field(p) = uint32(n)
		return nil
	}
}

func setCorrelation(p *mqtt.Properties, v string) error {
	if len(v) > 65535 {
		return fmt.Errorf("at most 65535 bytes")
	}
	p.CorrelationData = []byte(v)
	return nil
}

func setSubscriptionID(p *mqtt.Properties, v string) error {
	n, err := strconv.ParseUint(v, 10, 28)
	if err != nil || n == 0 {
		return fmt.Errorf("want a number from 1 to 268435455")
	}
	p.SubscriptionIdentifiers = []uint32{uint32(n)}
	return nil
}
