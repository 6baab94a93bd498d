//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"gridmq/internal/freeport"
)

// A broker is something that can be started.
type broker interface {
	name() string
	version() string
	// command prepares a process that keeps its data in dir. Its address must
	// stay the same over a restart.
	command(dir string, w workload) (*launch, error)
}

// gridMQ is GridMQ in its --dev mode, with every other setting at its default
// unless -set says otherwise: what is acknowledged is on disk.
type gridMQ struct {
	label    string
	bin      string
	settings []string // path=value
	certs    certs
}

func (g gridMQ) name() string { return g.label }

func (g gridMQ) version() string {
	out, err := exec.Command(g.bin, "version").Output()
	if err != nil {
		return g.label
	}
	first, _, _ := strings.Cut(string(out), "\n")
	if g.label != self {
		return g.label + ": " + strings.TrimSpace(first)
	}
	return strings.TrimSpace(first)
}

func (g gridMQ) command(dir string, w workload) (*launch, error) {
	port, err := freeport.TCP()
	if err != nil {
		return nil, err
	}
	tlsPort, err := freeport.TCP()
	if err != nil {
		return nil, err
	}
	managementPort, err := freeport.TCP()
	if err != nil {
		return nil, err
	}
	l := &launch{args: []string{g.bin, "serve", "--dev", "--data", dir, "--free-ports",
		"--dev-listen", fmt.Sprintf("127.0.0.1:%d", port),
		"--set", fmt.Sprintf("listeners.mqtts.address=127.0.0.1:%d", tlsPort),
		"--set", "tls.certificates.bench.certificate=" + g.certs.serverCert,
		"--set", "tls.certificates.bench.key=" + g.certs.serverKey,
		"--management-listen", fmt.Sprintf("127.0.0.1:%d", managementPort),
		"--log-level", "warn",
	}}
	if w.tls {
		l.prepare = func(ctx context.Context) error {
			err := g.secure(ctx, dir, w)
			if err == nil && w.events != nil {
				l.events, err = g.events(ctx, dir, w.hooks)
			}
			return err
		}
	}
	for _, setting := range g.settings {
		l.args = append(l.args, "--set", setting)
	}
	ready := filepath.Join(dir, "ready.json")
	l.ready = func() (string, error) {
		b, err := os.ReadFile(ready)
		if errors.Is(err, fs.ErrNotExist) {
			return "", errNotYet
		}
		var r struct{ MQTT, MQTTS string }
		if err != nil || json.Unmarshal(b, &r) != nil {
			return "", errNotYet
		}
		if w.tls {
			_, err := reachable("mqtts://", r.MQTTS)
			return "mqtts://" + securedHost + r.MQTTS[strings.LastIndexByte(r.MQTTS, ':'):], err
		}
		return reachable("mqtt://", r.MQTT) // a killed predecessor leaves its file
	}
	return l, nil
}

// mosquittoBroker is mosquitto, told not to limit what GridMQ does not limit
// either, and given the same in-flight window.
type mosquittoBroker struct {
	bin     string
	certs   certs
	noDelay bool
}

func (m mosquittoBroker) name() string {
	if m.noDelay {
		return "mosquitto-nodelay"
	}
	return "mosquitto"
}

func (m mosquittoBroker) version() string {
	out, _ := exec.Command(m.bin, "-h").Output() // it ends with 3
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(first)
}

func (m mosquittoBroker) command(dir string, w workload) (*launch, error) {
	port, err := freeport.TCP()
	if err != nil {
		return nil, err
	}
	conf := []string{
		"per_listener_settings false",
		"allow_anonymous true",
		"max_queued_messages 0",
		"max_inflight_messages 1024",
		"log_type error",
		fmt.Sprintf("set_tcp_nodelay %t", m.noDelay),
		fmt.Sprintf("persistence %t", w.persistent),
		"persistence_location " + dir + "/",
		fmt.Sprintf("listener %d 127.0.0.1", port),
	}
	if os.Getuid() == 0 {
		conf = append([]string{"user root"}, conf...)
	}
	scheme := "mqtt://"
	if w.tls {
		scheme = "mqtts://"
		conf = append(conf, "certfile "+m.certs.serverCert, "keyfile "+m.certs.serverKey, "cafile "+m.certs.ca, "require_certificate true")
	}
	file := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(file, []byte(strings.Join(conf, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	return &launch{
		args:  []string{m.bin, "-c", file},
		ready: func() (string, error) { return reachable(scheme, fmt.Sprintf("127.0.0.1:%d", port)) },
	}, nil
}

// reachable says whether somebody listens at address.
func reachable(scheme, address string) (string, error) {
	nc, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return "", errNotYet
	}
	nc.Close()
	return scheme + address, nil
}

func findMosquitto() (string, error) {
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("mosquitto is not installed (make tools installs it; or leave it out with -brokers gridmq)")
}
