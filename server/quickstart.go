package server

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// QuickstartNamespace is the one that --quickstart makes: a small factory, to look
// at and to play with.
const QuickstartNamespace = "quickstart"

// The factory. Machines report and take commands, each on its own topics only; the
// console sees all of them.
var (
	quickstartClients = []struct{ name, attributes string }{
		{"press-1", `{"kind":"machine","hall":4}`},
		{"press-2", `{"kind":"machine","hall":4}`},
		{"console", `{"kind":"console"}`},
	}
	quickstartResources = []struct{ kind, name, properties string }{
		{"clientGroups", "machines", `{"query":"attributes.kind = 'machine'","description":"Machines, by an attribute"}`},
		{"clientGroups", "consoles", `{"query":"attributes.kind = 'console'"}`},
		{"topicSpaces", "own-telemetry", `{"topicTemplates":["machines/${client.authenticationName}/telemetry"]}`},
		{"topicSpaces", "own-commands", `{"topicTemplates":["machines/${client.authenticationName}/commands"]}`},
		{"topicSpaces", "all-machines", `{"topicTemplates":["machines/+/telemetry","machines/+/commands"]}`},
		{"permissionBindings", "machines-report", `{"clientGroupName":"machines","topicSpaceName":"own-telemetry","permission":"Publisher"}`},
		{"permissionBindings", "machines-obey", `{"clientGroupName":"machines","topicSpaceName":"own-commands","permission":"Subscriber"}`},
		{"permissionBindings", "consoles-watch", `{"clientGroupName":"consoles","topicSpaceName":"all-machines","permission":"Subscriber"}`},
		{"permissionBindings", "consoles-command", `{"clientGroupName":"consoles","topicSpaceName":"all-machines","permission":"Publisher"}`},
		{"topics", "telemetry", `{}`},
		{"eventSubscriptions", "telemetry/all", `{"deliveryConfiguration":{"deliveryMode":"Queue"}}`},
	}
)

const quickstartBody = `{"properties":{"topicSpacesConfiguration":{"state":"Enabled","clientAuthentication":{` +
	`"alternativeAuthenticationNameSources":["ClientCertificateSubject"]}},"gridmq":{"hosts":["localhost"]}}}`

// quickstartRouting makes an event of every message, with the machine's name and hall.
const quickstartRouting = `{"topicSpacesConfiguration":{"routeTopicResourceId":%q,"routingEnrichments":{"dynamic":[` +
	`{"key":"machine","value":"${client.authenticationName}"},{"key":"hall","value":"${client.attributes.hall}"}]}}}`

// leadTo lets the secure listeners lead into a namespace.
func (c *Config) leadTo(namespace string) {
	for name, l := range c.Listeners {
		l.Namespace = namespace
		c.Listeners[name] = l
	}
}

// sayQuickstart prints what to try.
func (s *Server) sayQuickstart(out io.Writer, r Readiness) {
	if !s.cfg.Quickstart.Enabled || r.MQTTS == "" || s.plane.Resources().Namespace(QuickstartNamespace) == nil {
		return
	}
	port := r.MQTTS[strings.LastIndexByte(r.MQTTS, ':')+1:]
	dir, data := s.quickstartDir(), ""
	if s.cfg.Data != Default().Data {
		data = " --data " + s.cfg.Data
	}
	if !filepath.IsAbs(dir) {
		dir = "./" + dir
	}
	as := func(client string) string {
		return fmt.Sprintf("--cafile %s --cert %s/%s.pem --key %s/%s.key", r.CA, dir, client, dir, client)
	}
	mosquitto := "-h localhost -p " + port + " -i %s -q 1 %s"
	url := "--url mqtts://localhost:" + port
	fmt.Fprintf(out, `
Try the namespace %s: a factory in which a machine may only use its own topics.

  # the console watches all machines
  mosquitto_sub `+mosquitto+` -t 'machines/+/telemetry' -v
  # a machine reports
  mosquitto_pub `+mosquitto+` -t machines/press-1/telemetry -m '{"temperature":71}'
  # the same report is an event by now: a CloudEvent in the topic telemetry
  %s events receive telemetry/all%s --ack
  # a machine waits for commands, over MQTT 5, and the console sends one
  %s sub %s -i press-2 %s -t machines/press-2/commands
  %s pub %s -i console-2 %s -t machines/press-2/commands -m stop -q 1
  # refused: press-1 is not press-2
  %s pub %s -i press-1 %s -t machines/press-2/telemetry -m lie -q 1
  # why?
  %s explain publish --namespace %s --client press-1 --topic machines/press-2/telemetry%s

`, QuickstartNamespace, "console", as("console"), "press-1", as("press-1"),
		s.program(), data, s.program(), url, as("press-2"), s.program(), url, as("console"), s.program(), url, as("press-1"),
		s.program(), QuickstartNamespace, data)
}

// program is how the user called us, as in bin/gridmq.
func (s *Server) program() string {
	if s.opts.Program != "" {
		return s.opts.Program
	}
	return "gridmq"
}
