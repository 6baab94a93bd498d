package behaviour

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/eclipse/paho.golang/paho"
)

// A factory: machines on lines, inspectors of several cells, a controller that is
// known by its thumbprint, and a wall display.

func factory(f *fleet) {
	f.client("press-1", object{"kind": "machine", "line": 4})
	f.client("press-2", object{"kind": "machine", "line": 4})
	f.client("oven-1", object{"kind": "machine", "line": 7})
	f.client("inspector", object{"kind": "inspector", "cells": []string{"4", "paint"}, "level": 3})
	f.client("trainee", object{"kind": "inspector", "cells": []string{"4"}, "level": 1})
	f.client("display", object{"kind": "display"})
	f.register("controller", object{
		"clientCertificateAuthentication": object{"validationScheme": "ThumbprintMatch",
			"allowedThumbprints": []string{f.issueSelfSigned("controller")}},
		"attributes": object{"kind": "controller"},
	})
	f.clientGroup("machines", "attributes.kind = 'machine'")
	f.clientGroup("inspectors", "attributes.kind = 'inspector' and attributes.level >= 3")
	f.clientGroup("controllers", "authenticationName IN ['controller', 'spare']")
	f.clientGroup("displays", "attributes.kind = 'display'")
}

// TestAccessFactoryStart is for people with mosquitto_pub and mosquitto_sub, and the
// files of a certificate.
func TestAccessFactoryStart(t *testing.T) {
	mosquitto(t, func(e *env) {
		e.transport = "tls"
		h := e.own(fleetSettings()...)
		at := h.addresses["mqtts"]
		at.Address = strings.Replace(at.Address, "127.0.0.1", "localhost", 1) // a name that leads to the fleet
		h.addresses["mqtts"] = at
		f := newFleet(e)
		factory(f)
		f.configure(object{"gridmq": object{"hosts": []string{"localhost"}}})
		f.topicSpace("hello", "hello/${client.authenticationName}")
		f.topicSpace("all-hellos", "hello/+")
		f.bind("machines", "Publisher", "hello")
		f.bind("displays", "Subscriber", "all-hellos")
		heard := f.sub(f.files("display", "-i", "display", "-t", "hello/+", "-q", "1", "-v")...)
		f.pub(f.files("press-1", "-i", "press-1", "-t", "hello/press-1", "-q", "1", "-m", "world")...)
		heard.want("hello/press-1 world")
		args := f.files("press-1", "-i", "press-1", "-t", "hello/press-2", "-q", "1", "-m", "lie")
		out, err := f.command("mosquitto_pub", args...).CombinedOutput()
		if f.version == v3 && err == nil { // with MQTT 5 it prints a warning
			f.Errorf("mosquitto_pub on another's topic: %s", out)
		}
		stranger := newAuthority(e, "stranger")
		pair, err := stranger.NewClient(authorityLeaf("press-1"))
		if err != nil {
			f.Fatal(err)
		}
		f.badges["press-1"] = pair
		if out, err := f.command("mosquitto_pub", f.files("press-1", "-i", "thief", "-t", "hello/press-1", "-m", "lie")...).CombinedOutput(); err == nil {
			f.Errorf("mosquitto_pub with the certificate of a stranger: %s", out)
		}
		f.pub(f.files("press-2", "-i", "press-2", "-t", "hello/press-2", "-q", "1", "-m", "again")...)
		heard.want("hello/press-2 again") // and nothing in between
	})
}

// files are the arguments for mosquitto that show a client's certificate.
func (f *fleet) files(name string, more ...string) []string {
	f.Helper()
	dir := f.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := f.badges[name].Save(cert, key, false); err != nil {
		f.Fatal(err)
	}
	return append([]string{"--cert", cert, "--key", key}, more...)
}

// TestAccessFactoryTelemetry: variables for whole levels and for parts of them.
func TestAccessFactoryTelemetry(t *testing.T) {
	secured(t, func(f *fleet) {
		factory(f)
		f.topicSpace("report", "lines/${client.attributes.line}/machines/${client.authenticationName|.factory1}/+",
			"plain/m-${client.authenticationName}-x")
		f.topicSpace("cells", "lines/${client.attributes.cells}/#")
		f.bind("machines", "Publisher", "report")
		f.bind("inspectors", "Subscriber", "cells")
		inspector := f.enter("inspector", login{})
		inspector.subscribe(1, "lines/4/#", "lines/paint/machines/+/temp")
		for name, line := range map[string]string{"press-1": "4", "press-2": "4", "oven-1": "7"} {
			f.enter(name, login{}).publish(1, "lines/"+line+"/machines/"+name+".factory1/temp", name)
		}
		got := map[string]bool{inspector.next().payload: true, inspector.next().payload: true}
		if !got["press-1"] || !got["press-2"] {
			f.Errorf("the inspector of line 4 has seen %v", got)
		}
		inspector.silent()
		f.wants(`
			press-1    publish    lines/4/machines/press-1.factory1/temp    yes
			press-1    publish    lines/4/machines/press-1/temp             no
			press-1    publish    lines/4/machines/press-1.factory2/temp    no
			press-1    publish    lines/4/machines/press-1.factory1/temp/x  no
			press-1    publish    lines/4/machines/press-2.factory1/temp    no
			press-1    publish    lines/7/machines/press-1.factory1/temp    no
			oven-1     publish    lines/7/machines/oven-1.factory1/state    yes
			press-1    publish    plain/m-press-1-x                         yes
			press-1    publish    plain/m-press-2-x                         no
			inspector  subscribe  lines/paint/#                             yes
			inspector  subscribe  lines/4                                   yes
			inspector  subscribe  lines/7/#                                 no
			inspector  subscribe  lines/+/machines/+/temp                   no
			trainee    subscribe  lines/4/#                                 no
		`)
	})
}

// TestAccessFactoryCommand: a controller that is known by its thumbprint calls
// machines, one at a time, from several sessions.
func TestAccessFactoryCommand(t *testing.T) {
	securedFive(t, func(f *fleet) {
		factory(f)
		f.topicSpace("calls", "machines/+/calls/#")
		f.topicSpace("replies", "replies/${client.authenticationName}/+")
		f.topicSpace("own-calls", "machines/${client.authenticationName}/calls/#")
		f.topicSpace("any-reply", "replies/+/+")
		f.bind("controllers", "Publisher", "calls")
		f.bind("controllers", "Subscriber", "replies")
		f.bind("machines", "Subscriber", "own-calls")
		f.bind("machines", "Publisher", "any-reply")
		machines := map[string]*client{}
		for _, name := range []string{"press-1", "oven-1"} {
			machines[name] = f.enter(name, login{})
			machines[name].subscribe(1, "machines/"+name+"/calls/#")
		}
		for _, session := range []string{"one", "two"} {
			c := f.enter("controller", login{id: session})
			c.subscribe(1, "replies/controller/"+session)
			for name, m := range machines {
				c.send(message{topic: "machines/" + name + "/calls/start", payload: "start", qos: 1, props: &paho.PublishProperties{
					ResponseTopic: "replies/controller/" + session, CorrelationData: []byte(session + name)}})
				call := m.want("start")[0]
				m.send(message{topic: call.props.ResponseTopic, payload: "started", qos: 1,
					props: &paho.PublishProperties{CorrelationData: call.props.CorrelationData}})
				if got := c.want("started")[0]; string(got.props.CorrelationData) != session+name {
					f.Errorf("%s: the reply of %s has correlation data %q", session, name, got.props.CorrelationData)
				}
			}
			c.silent()
		}
		f.wants(`
			controller  publish    machines/press-1/calls/stop   yes
			controller  subscribe  replies/controller/+          yes
			controller  subscribe  replies/+/+                   no
			press-1     subscribe  machines/oven-1/calls/start   no
			press-1     publish    machines/oven-1/calls/start   no
			display     publish    machines/press-1/calls/stop   no
		`)
	})
}

// TestAccessFactoryAlert: an alarm is kept for displays that come later.
func TestAccessFactoryAlert(t *testing.T) {
	secured(t, func(f *fleet) {
		factory(f)
		f.topicSpace("own-alarm", "alarms/${client.attributes.line}/${client.authenticationName}")
		f.topicSpace("alarms", "alarms/#")
		f.bind("machines", "Publisher", "own-alarm")
		f.bind("displays", "Subscriber", "alarms")
		f.bind("inspectors", "Subscriber", "alarms")
		var watchers []*client
		for _, name := range []string{"display", "inspector"} {
			c := f.enter(name, login{})
			c.subscribe(1, "alarms/+/+")
			watchers = append(watchers, c)
		}
		oven := f.enter("oven-1", login{})
		oven.send(message{topic: "alarms/7/oven-1", payload: "too hot", qos: 1, retain: true})
		for _, c := range watchers {
			c.want("too hot")
		}
		late := f.enter("display", login{id: "late"})
		late.subscribe(1, "alarms/7/#")
		if m := late.want("too hot")[0]; !m.retain {
			f.Errorf("%v, want it retained", m)
		}
		f.wants(`
			oven-1   publish    alarms/4/oven-1  no
			oven-1   subscribe  alarms/7/oven-1  no
			trainee  subscribe  alarms/#         no
			display  subscribe  #                no
			display  publish    alarms/7/oven-1  no
		`)
	})
}
