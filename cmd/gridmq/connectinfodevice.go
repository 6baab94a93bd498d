package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"gridmq/cmd/gridmq/connectinfo"
	plane "gridmq/control/client"
	"gridmq/server"
)

// mqttAddress finds the host and port where MQTT over TLS leads to a namespace.
func (i *infoFlags) mqttAddress(info *connectinfo.Info, ready server.Readiness, h home) (err error) {
	if i.mqtt != "" {
		if info.Host, info.Port, err = net.SplitHostPort(i.mqtt); err != nil {
			err = fmt.Errorf("--mqtt %q: want host:port", i.mqtt)
		}
		return err
	}
	hosts := hostsOf(h)
	for _, l := range ready.Listeners {
		if !strings.HasPrefix(l.URL, "mqtts:") {
			continue
		}
		host, port, err := net.SplitHostPort(l.Address)
		if err != nil {
			return err
		}
		info.Port = port
		leads := strings.EqualFold(l.Namespace, h.name)
		if ip := net.ParseIP(host); ip.IsLoopback() || ip.IsUnspecified() {
			host, leads = i.near(h), leads || slices.Contains(hosts, nearName)
		}
		if leads {
			info.Host = host
			return nil
		}
	}
	if info.Port == "" {
		info.Port = "8883"
		info.Notes = append(info.Notes, "The port 8883 is the default of a server; this one was not asked. Another one: --mqtt HOST:PORT")
		if len(hosts) == 0 {
			hosts = []string{i.remote()}
			info.Notes = append(info.Notes, "The namespace has no host name of its own: this is right if the server's listener leads there.")
		}
	}
	if len(hosts) == 0 {
		return &exitError{exitDenied, fmt.Errorf("no MQTT client reaches namespace %s: it has no host name, and no listener leads there\n  set its properties.gridmq.hosts, or the setting domain of the server", h.name)}
	}
	info.Host = hosts[0]
	if ready.MQTTS != "" {
		info.Notes = append(info.Notes, fmt.Sprintf("The name %s must lead to the broker: a line in /etc/hosts does for trials.", info.Host))
	}
	return nil
}

// hostsOf are the names that lead to a namespace.
func hostsOf(h home) (hosts []string) {
	all := object(h.shown.Properties)
	if name, _ := inside(all, "topicSpacesConfiguration", "hostname").(string); name != "" {
		hosts = append(hosts, name)
	}
	own, _ := inside(all, "gridmq", "hosts").([]any)
	for _, v := range own {
		if name, ok := v.(string); ok {
			hosts = append(hosts, name)
		}
	}
	return hosts
}

// device fills in a client, what it shows, and what it may do.
func (i *infoFlags) device(ctx context.Context, info *connectinfo.Info, h home) error {
	r, err := i.registered(ctx, h)
	if err != nil {
		return err
	}
	if r == nil {
		info.Client = "press-07"
		info.Notes = append(info.Notes, "The namespace has no clients yet. To make one: docs/identity.md; what it may do: docs/access.md.")
	} else {
		shown := object(r.Properties)
		info.Client, _ = shown["authenticationName"].(string)
		has, _ := inside(shown, "gridmq", "hasPassword").(bool)
		info.Password = has && i.cert == ""
		if err := i.rights(ctx, info, h, shown); err != nil {
			return err
		}
	}
	info.Cert, info.CertKey = i.cert, i.certKey
	if info.Cert != "" || info.Password {
		return nil
	}
	info.Cert, info.CertKey = info.Client+".pem", info.Client+"-key.pem"
	if dir := filepath.Join(i.data, server.QuickstartNamespace); h.name == server.QuickstartNamespace && exists(filepath.Join(dir, info.Client+".pem")) {
		if dir, err = filepath.Abs(dir); err != nil {
			return err
		}
		info.Cert, info.CertKey = filepath.Join(dir, info.Client+".pem"), filepath.Join(dir, info.Client+".key")
	}
	if strings.ContainsAny(info.Client, "/\x00") { // no name of a file
		info.Cert, info.CertKey = "client.pem", "client-key.pem"
	}
	return nil
}

// registered is the client that was asked for, or the first; nil if there is none.
func (i *infoFlags) registered(ctx context.Context, h home) (*plane.Resource, error) {
	if i.client != "" {
		r, err := i.manageFlags.client.Get(ctx, h.place.ID(h.name, "clients", i.client))
		if plane.IsNotFound(err) {
			err = &exitError{exitDenied, fmt.Errorf("namespace %s has no client %q; gridmq get clients lists them", h.name, i.client)}
		}
		return r, err
	}
	all, err := i.manageFlags.client.First(ctx, h.place.ID(h.name, "clients"), mostTried)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	for _, r := range all {
		if h.name == server.QuickstartNamespace && exists(filepath.Join(i.data, h.name, r.Name+".pem")) {
			return r, nil
		}
	}
	return all[0], nil
}

// rights finds a topic that the client may publish to and a filter that it may subscribe
// to, of one topic space if there is one with both.
func (i *infoFlags) rights(ctx context.Context, info *connectinfo.Info, h home, client map[string]any) error {
	spaces, err := i.manageFlags.client.First(ctx, h.place.ID(h.name, "topicSpaces"), mostTried)
	if err != nil {
		return err
	}
	may := func(action, topic string) bool {
		var e *plane.Explanation
		if err == nil {
			e, err = i.manageFlags.client.Explain(ctx, h.name, plane.Question{Action: action, Client: info.Client, Topic: topic})
		}
		return err == nil && e.Allowed
	}
	for _, s := range spaces {
		templates, _ := object(s.Properties)["topicTemplates"].([]any)
		for _, v := range templates[:min(len(templates), 1)] {
			template, _ := v.(string)
			filter := fill(template, client)
			if strings.Contains(filter, "${") {
				continue
			}
			name := strings.NewReplacer("+", "test", "#", "test").Replace(filter)
			publishes, subscribes := may("publish", name), may("subscribe", filter)
			if publishes && (info.Publish == "" || subscribes) {
				info.Publish = name
			}
			if subscribes && (info.Subscribe == "" || publishes) {
				info.Subscribe = filter
			}
			if publishes && subscribes {
				return nil
			}
		}
	}
	return err
}

// fill puts the client's values in the places of a template's variables.
func fill(template string, client map[string]any) string {
	name, _ := client["authenticationName"].(string)
	pairs := []string{"${client.authenticationName}", name, "${principal.name}", name}
	attributes, _ := client["attributes"].(map[string]any)
	for k, v := range attributes {
		switch v := v.(type) {
		case string:
			pairs = append(pairs, "${client.attributes."+k+"}", v)
		case json.Number:
			pairs = append(pairs, "${client.attributes."+k+"}", v.String())
		}
	}
	return strings.NewReplacer(pairs...).Replace(template)
}
