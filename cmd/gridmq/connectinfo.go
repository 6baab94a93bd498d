package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gridmq/cmd/gridmq/connectinfo"
	plane "gridmq/control/client"
	"gridmq/server"
)

// justKey is a kind of client that wants nothing but the access key.
const justKey = "key"

// infoFlags say what connect-info is asked for.
type infoFlags struct {
	manageFlags
	language, part      string
	showKeys            bool
	topic, subscription string
	client              string
	cert, certKey       string
	endpoint, mqtt      string
	app                 string
}

func newConnectInfoCmd() *cobra.Command {
	var i infoFlags
	kinds := strings.Join(connectinfo.Languages(), ", ")
	cmd := &cobra.Command{
		Use:   "connect-info --for KIND",
		Short: "Print what points a client at a namespace, ready to paste",
		Long: `Print what points a client at a namespace, ready to paste: variables of the environment
(endpoint, key, the CA to trust), and code or commands that use them. The clients are
Azure's own, unchanged: ` + kinds + `.

Keys and passwords are not printed. The line with the access key asks for it when it
runs; --show-keys writes the key itself, and --for key prints it and nothing else.

A topic and an event subscription are chosen where --topic and --subscription do not say
them, and likewise a client of the registry (--client), with what it may publish and
subscribe to. Its certificate is where --cert and --key say; by default in NAME.pem and
NAME-key.pem, as gridmq cert client writes them.

The addresses are those of the broker on --data. Of a server elsewhere only the names are
known; the ports are then 8443 and 8883 unless --endpoint and --mqtt say otherwise.

` + manageHelp,
		Example: `  gridmq connect-info --for go -n plant
  eval "$(gridmq connect-info --for js -n plant --part env)"
  gridmq connect-info --for js -n plant --part code > main.mjs
  gridmq connect-info --for mqtt -n plant --client press-07
  gridmq connect-info --for az --app robot`,
		Args: cobra.NoArgs,
	}
	i.register(cmd, true)
	f := cmd.Flags()
	f.StringVar(&i.language, "for", "", "`kind` of client: "+kinds+", "+justKey)
	f.StringVar(&i.part, "part", string(connectinfo.All), "`part` of it: "+strings.Join(connectinfo.Parts(), ", "))
	f.BoolVar(&i.showKeys, "show-keys", false, "write the access key itself")
	f.StringVar(&i.topic, "topic", "", "`name` of a namespace topic (default: the first that has a subscription with a queue)")
	f.StringVar(&i.subscription, "subscription", "", "`name` of an event subscription of the topic")
	f.StringVar(&i.client, "client", "", "`name` of a client in the registry (default: the first)")
	f.StringVar(&i.cert, "cert", "", "`file` with the client's certificate")
	f.StringVar(&i.certKey, "key", "", "`file` with the key of the client's certificate")
	f.StringVar(&i.endpoint, "endpoint", "", "`url` of the HTTP data plane, as https://broker.example:8443")
	f.StringVar(&i.mqtt, "mqtt", "", "`host:port` of MQTT over TLS")
	f.StringVar(&i.app, "app", "robot", "client `id` of an application of the token endpoint, for az and terraform")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if i.language == "" {
			return fmt.Errorf("which kind of client? --for %s", kinds)
		}
		if i.subscription != "" && i.topic == "" {
			return errors.New("--subscription needs --topic")
		}
		if i.language != justKey { // before anybody is asked
			if err := connectinfo.Write(io.Discard, i.language, connectinfo.Part(i.part), connectinfo.Info{}); err != nil {
				return err
			}
		}
		return i.run(i.print)(cmd, nil)
	}
	return cmd
}

// print finds out and prints.
func (i *infoFlags) print(ctx context.Context, cmd *cobra.Command, _ []string) error {
	ready, _ := i.broker()
	if err := i.leads(ctx, ready); err != nil {
		return err
	}
	h, err := i.home(ctx)
	if err != nil {
		return err
	}
	if i.language == justKey {
		key, _, err := i.manageFlags.client.Keys(ctx, h.shown.ID)
		if err == nil {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), key)
		}
		return err
	}
	info := connectinfo.Info{Namespace: h.name, ID: h.shown.ID, Management: byName(i.server), App: i.app, CA: i.authority(ready)}
	switch i.language {
	case "az", "terraform":
	case "mqtt":
		if err = i.mqttAddress(&info, ready, h); err == nil {
			err = i.device(ctx, &info, h)
		}
	default:
		err = i.events(ctx, &info, ready, h)
	}
	if err != nil {
		return err
	}
	return connectinfo.Write(cmd.OutOrStdout(), i.language, connectinfo.Part(i.part), info)
}

// broker is the one on --data, if it is the one that is asked.
func (i *infoFlags) broker() (server.Readiness, bool) {
	ready, err := server.ReadReadyFile(i.data)
	if err != nil || reachable(ready.Management) != i.server {
		return server.Readiness{}, false
	}
	return ready, true
}

// leads chooses the namespace that this machine's own name leads to, or else the secure
// listeners, when none was named.
func (i *infoFlags) leads(ctx context.Context, ready server.Readiness) error {
	if i.namespace != "" || len(ready.Listeners) == 0 {
		return nil
	}
	if err := i.places.read(ctx); err != nil {
		return err
	}
	for _, h := range i.places.all {
		if slices.Contains(hostsOf(h), nearName) {
			i.namespace = h.name
			return nil
		}
	}
	for _, l := range ready.Listeners { // all of them lead to one; that of --dev is none
		if _, managed, _ := i.places.find(ctx, l.Namespace); managed { // which have been read
			i.namespace = l.Namespace
		}
	}
	return nil
}

// nearName is this machine's name for itself.
const nearName = "localhost"

// near is what this machine is called to reach a namespace: the name may be another
// namespace's, an address is nobody's.
func (i *infoFlags) near(h home) string {
	other := slices.ContainsFunc(i.places.all, func(one home) bool { return one.name != h.name && slices.Contains(hostsOf(one), nearName) })
	if other {
		return "127.0.0.1"
	}
	return nearName
}

// authority is the file to trust.
func (i *infoFlags) authority(ready server.Readiness) string {
	file := i.ca
	if file == "" && ready.CA != "" {
		file = filepath.Join(i.data, "tls", "ca.pem") // its own path is relative to where it was started
	}
	if file == "" {
		return ""
	}
	if abs, err := filepath.Abs(file); err == nil {
		return abs
	}
	return file
}

// byName puts this machine's name in the place of its address: issuers are compared by
// their text.
func byName(address string) string {
	u, err := url.Parse(address)
	if err != nil || !net.ParseIP(u.Hostname()).IsLoopback() {
		return address
	}
	u.Host = net.JoinHostPort(nearName, u.Port())
	return u.String()
}

// self is the command line that asks this server again, for more.
func (i *infoFlags) self(namespace string, more ...string) string {
	program := os.Args[0]
	if strings.ContainsRune(program, filepath.Separator) {
		if abs, err := filepath.Abs(program); err == nil {
			program = abs
		}
	}
	words := append([]string{program, "connect-info", "-n", namespace}, more...)
	for _, name := range []string{"server", "token-file", "ca", "data"} {
		value := i.flags.Lookup(name).Value.String()
		if name != "data" && !i.flags.Changed(name) {
			continue
		}
		if name != "server" {
			if abs, err := filepath.Abs(value); err == nil {
				value = abs
			}
		}
		words = append(words, "--"+name, value)
	}
	return connectinfo.Quote(words...)
}

// remote is the host of a server elsewhere.
func (i *infoFlags) remote() string {
	u, err := url.Parse(i.server)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// events fills in what clients of events need.
func (i *infoFlags) events(ctx context.Context, info *connectinfo.Info, ready server.Readiness, h home) error {
	base := i.endpoint
	if u, err := url.Parse(reachable(ready.HTTPS)); base == "" && err == nil && u.Host != "" {
		if u.Hostname() == nearName || net.ParseIP(u.Hostname()).IsLoopback() {
			u.Host = net.JoinHostPort(i.near(h), u.Port())
		}
		base = u.String()
	}
	if base == "" {
		base = "https://" + net.JoinHostPort(i.remote(), "8443")
		info.Notes = append(info.Notes, "The port 8443 is the default of a server; this one was not asked. Another one: --endpoint https://HOST:PORT")
	}
	info.Endpoint = strings.TrimSuffix(base, "/") + "/ns/" + url.PathEscape(h.name)
	info.KeyCommand = i.self(h.name, "--for", justKey)
	if i.showKeys {
		var err error
		if info.Key, _, err = i.manageFlags.client.Keys(ctx, h.shown.ID); err != nil {
			return err
		}
	}
	return i.queue(ctx, info, h)
}

// mostTried bounds what is looked at to find an example.
const mostTried = 20

// queue finds a topic and a subscription of it that events can be received from.
func (i *infoFlags) queue(ctx context.Context, info *connectinfo.Info, h home) error {
	names := []string{i.topic}
	if i.topic == "" {
		topics, err := i.manageFlags.client.First(ctx, h.place.ID(h.name, "topics"), mostTried)
		if err != nil {
			return err
		}
		names = nil
		for _, t := range topics {
			names = append(names, t.Name)
		}
	}
	info.Topic, info.Subscription = cmp.Or(i.topic, "orders"), cmp.Or(i.subscription, "billing")
	for _, topic := range names {
		subs, err := i.manageFlags.client.First(ctx, h.place.ID(h.name, "topics", topic, "eventSubscriptions"), mostTried)
		if err != nil && !plane.IsNotFound(err) {
			return err
		}
		for _, s := range subs {
			delivery, _ := inside(object(s.Properties), "deliveryConfiguration").(map[string]any)
			if i.subscription == "" && delivery["deliveryMode"] == "Queue" || i.subscription != "" && strings.EqualFold(i.subscription, s.Name) {
				info.Topic, info.Subscription = topic, s.Name
				return nil
			}
		}
	}
	info.MissingTopic = true
	return nil
}

// inside is the member at a path of names.
func inside(v any, path ...string) any {
	for _, name := range path {
		o, _ := v.(map[string]any)
		v = o[name]
	}
	return v
}
