//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Over TLS GridMQ runs as in production: clients get into a namespace that denies by
// default, and each connection is a client of its registry with a
// certificate of its own.

const (
	securedNamespace = "bench"
	securedHost      = "localhost" // its name in the handshake leads into the namespace
)

// applyTimeout is for some thousand resources, each of them synced to disk.
const applyTimeout = 60 * time.Second

// secure makes the namespace, with as many clients as there are certificates.
func (g gridMQ) secure(ctx context.Context, dir string, w workload) error {
	file := filepath.Join(dir, "bench.yaml")
	if err := os.WriteFile(file, []byte(securedManifest(g.certs.ca, w)), 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	apply := exec.CommandContext(ctx, g.bin, "apply", "--data", dir, "--ca", g.certs.ca, "-f", file)
	apply.Env = cleanEnv(os.Environ())
	if out, err := apply.CombinedOutput(); err != nil {
		said := strings.TrimSpace(string(out))
		return fmt.Errorf("%s apply: %w: %s", g.label, err, said[max(0, len(said)-500):])
	}
	return nil
}

// securedManifest describes the namespace: groups by attribute, and topic spaces of
// which the one that allows the load is neither alone nor the first.
func securedManifest(ca string, w workload) string {
	var m strings.Builder
	fmt.Fprintf(&m, `kind: Namespace
name: %[1]s
properties: {topicSpacesConfiguration: {state: Enabled, %[4]s, clientAuthentication: {alternativeAuthenticationNameSources: [ClientCertificateSubject]}}, gridmq: {hosts: [%[3]s], routes: %[5]s}}
---
{kind: CACertificate, namespace: %[1]s, name: bench-ca, properties: {encodedCertificateFile: %[2]q}}
---
{kind: ClientGroup, namespace: %[1]s, name: devices, properties: {query: "attributes.kind = 'device'"}}
---
{kind: ClientGroup, namespace: %[1]s, name: lines, properties: {query: "attributes.line >= 5"}}
---
{kind: TopicSpace, namespace: %[1]s, name: own, properties: {topicTemplates: ['devices/${client.authenticationName}/#']}}
---
{kind: TopicSpace, namespace: %[1]s, name: line, properties: {topicTemplates: ['lines/${client.attributes.line}/+/state', 'lines/alarm']}}
---
{kind: TopicSpace, namespace: %[1]s, name: load, properties: {topicTemplates: ['bench/#']}}
`, securedNamespace, ca, securedHost, enrichments, w.events.routes())
	for _, b := range [][2]string{{"devices", "own"}, {"lines", "line"}, {"devices", "load"}} {
		for _, permission := range []string{"Publisher", "Subscriber"} {
			fmt.Fprintf(&m, "---\n{kind: PermissionBinding, namespace: %s, name: %s-%s, properties: {clientGroupName: %s, topicSpaceName: %s, permission: %s}}\n",
				securedNamespace, b[1], strings.ToLower(permission), b[0], b[1], permission)
		}
	}
	for i := range w.connections() {
		fmt.Fprintf(&m, "---\n{kind: Client, namespace: %s, name: %s, properties: {attributes: {kind: device, line: %d}}}\n",
			securedNamespace, deviceName(i), i%10)
	}
	m.WriteString(w.events.manifest(w.hooks))
	return m.String()
}

func deviceName(i int) string { return fmt.Sprintf("device-%d", i) }

// devices gives each connection of w a certificate of its own. There is no session
// cache: every handshake is a full one.
func (s *setup) devices(w workload) (func(i int) *tls.Config, error) {
	configs := make([]*tls.Config, w.connections())
	for i := range configs {
		c, err := s.certs.device(deviceName(i))
		if err != nil {
			return nil, err
		}
		configs[i] = &tls.Config{RootCAs: s.certs.roots, Certificates: []tls.Certificate{c}}
	}
	return func(i int) *tls.Config { return configs[i] }, nil
}
