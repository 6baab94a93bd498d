package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gridmq/control"
	"gridmq/internal/authority"
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
	}
)

const quickstartBody = `{"properties":{"topicSpacesConfiguration":{"state":"Enabled","clientAuthentication":{` +
	`"alternativeAuthenticationNameSources":["ClientCertificateSubject"]}},"gridmq":{"hosts":["localhost"]}}}`

// leadTo lets the secure listeners lead into a namespace.
func (c *Config) leadTo(namespace string) {
	for name, l := range c.Listeners {
		l.Namespace = namespace
		c.Listeners[name] = l
	}
}

// quickstart makes the namespace with its clients' certificates, once: what somebody
// has changed since stays as it is.
func (s *Server) quickstart(ctx context.Context, plane *control.Plane) error {
	if !s.cfg.Quickstart.Enabled || plane.Resources().Namespace(QuickstartNamespace) != nil {
		return nil
	}
	ca, err := s.quickstartFiles()
	if err != nil {
		return fmt.Errorf("quickstart: %w", err)
	}
	if err := plane.EnsureNamespace(ctx, QuickstartNamespace, []byte(quickstartBody)); err != nil {
		return fmt.Errorf("quickstart: %w", err)
	}
	put := func(kind, name, properties string) {
		if e := plane.Create(ctx, "quickstart", QuickstartNamespace, kind, name, []byte(properties)); e != nil {
			err = errors.Join(err, fmt.Errorf("quickstart: %s %s: %w", kind, name, e))
		}
	}
	text, _ := json.Marshal(string(ca)) // a string is JSON
	put("caCertificates", "quickstart-ca", `{"encodedCertificate":`+string(text)+`}`)
	for _, r := range quickstartResources {
		put(r.kind, r.name, r.properties)
	}
	for _, c := range quickstartClients {
		put("clients", c.name, `{"attributes":`+c.attributes+`}`)
	}
	return err
}

func (s *Server) quickstartDir() string { return filepath.Join(s.cfg.Data, QuickstartNamespace) }

// quickstartFiles makes the authority of the clients and their certificates, and
// returns the authority's. Files that are there are taken.
func (s *Server) quickstartFiles() (ca []byte, err error) {
	dir := s.quickstartDir()
	a, err := authority.Load(dir)
	if errors.Is(err, os.ErrNotExist) {
		if a, err = authority.NewCA(authority.CAOptions{Name: "GridMQ quickstart clients"}); err == nil {
			err = a.Save(dir, false)
		}
	}
	if err != nil {
		return nil, err
	}
	for _, c := range quickstartClients {
		cert, key := filepath.Join(dir, c.name+".pem"), filepath.Join(dir, c.name+".key")
		if _, err := os.Stat(cert); err == nil {
			continue
		}
		pair, err := a.NewClient(authority.LeafOptions{Name: c.name})
		if err == nil {
			err = pair.Save(cert, key, false)
		}
		if err != nil {
			return nil, err
		}
	}
	return a.CertificatePEM(), nil
}

// sayQuickstart prints what to try.
func (s *Server) sayQuickstart(out io.Writer, r Readiness) {
	if !s.cfg.Quickstart.Enabled || r.MQTTS == "" {
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
  # a machine waits for commands, over MQTT 5, and the console sends one
  %s sub %s -i press-2 %s -t machines/press-2/commands
  %s pub %s -i console-2 %s -t machines/press-2/commands -m stop -q 1
  # refused: press-1 is not press-2
  %s pub %s -i press-1 %s -t machines/press-2/telemetry -m lie -q 1
  # why?
  %s explain publish --namespace %s --client press-1 --topic machines/press-2/telemetry%s

`, QuickstartNamespace, "console", as("console"), "press-1", as("press-1"),
		s.program(), url, as("press-2"), s.program(), url, as("console"), s.program(), url, as("press-1"),
		s.program(), QuickstartNamespace, data)
}

// program is how the user called us, as in bin/gridmq.
func (s *Server) program() string {
	if s.opts.Program != "" {
		return s.opts.Program
	}
	return "gridmq"
}
