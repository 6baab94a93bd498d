package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"gridmq/client"
	"gridmq/mqtt"
)

// targetFlags say where the broker is and how to get in; pub, sub and bench
// share them, under the names of mosquitto_pub.
type targetFlags struct {
	host       string
	port       int
	url        string
	username   string
	password   string
	version    string
	tls        client.TLSFiles
	useTLS     bool
	alpn       []string
	header     []string
	hasUser    bool
	hasPass    bool
	urlTopic   string
	mqtt       mqtt.Version
	brokerURL  string
	tlsConfig  *tls.Config
	httpHeader http.Header
}

func (t *targetFlags) register(f *pflag.FlagSet) {
	f.StringVarP(&t.host, "host", "h", "localhost", "`host` of the broker")
	f.IntVarP(&t.port, "port", "p", 0, "`port` of the broker (default 1883, with TLS 8883)")
	f.StringVarP(&t.url, "url", "L", "", "`url` instead of host and port: mqtt://, mqtts://, ws:// or wss://; with user:password@, and for mqtt and mqtts with /topic")
	f.StringVarP(&t.username, "username", "u", "", "user `name`")
	f.StringVarP(&t.password, "pw", "P", "", "`password` (better in the environment, as GRIDMQ_PASSWORD)")
	f.StringVarP(&t.version, "protocol-version", "V", "5", "MQTT `version`: 5, 311, mqttv5 or mqttv311")
	f.BoolVar(&t.useTLS, "tls", false, "use TLS with the system's CAs (any flag of TLS implies it)")
	f.StringVar(&t.tls.CA, "cafile", "", "`file` of the CAs to trust, PEM")
	f.StringVar(&t.tls.Cert, "cert", "", "`file` of the client certificate with its chain, PEM")
	f.StringVar(&t.tls.Key, "key", "", "`file` of the client certificate's key, PEM")
	f.StringVar(&t.tls.ServerName, "servername", "", "`name` to ask for (SNI) and to verify, if not the host")
	f.BoolVar(&t.tls.Insecure, "insecure", false, "do not verify the broker's certificate (for trials)")
	f.StringSliceVar(&t.alpn, "tls-alpn", nil, "ALPN `protocol` to offer")
	f.StringArrayVar(&t.header, "header", nil, "`name: value` for the WebSocket handshake; may be repeated")
	// Every command has --help; -h is the host here.
	f.Bool("help", false, "help for this command")
}

// resolve makes a URL and the rest of what was given.
func (t *targetFlags) resolve(f *pflag.FlagSet) error {
	var err error
	if t.mqtt, err = parseVersion(t.version); err != nil {
		return err
	}
	t.hasUser, t.hasPass = f.Changed("username"), f.Changed("pw")
	if !t.hasPass {
		t.password, t.hasPass = os.LookupEnv("GRIDMQ_PASSWORD")
	}
	if err := t.resolveURL(f); err != nil {
		return err
	}
	if t.tlsConfig, err = t.tls.Config(); err != nil {
		return err
	}
	t.tlsConfig.NextProtos = t.alpn
	t.httpHeader = http.Header{}
	for _, h := range t.header {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return fmt.Errorf("--header %q: want name: value", h)
		}
		t.httpHeader.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return nil
}

func (t *targetFlags) resolveURL(f *pflag.FlagSet) error {
	secure := t.useTLS || t.tls.CA != "" || t.tls.Cert != "" || t.tls.Key != "" || t.tls.Insecure || t.tls.ServerName != "" || len(t.alpn) > 0
	if t.url == "" {
		scheme, port := "mqtt", 1883
		if secure || t.port == 8883 {
			scheme, port = "mqtts", 8883
		}
		if t.port != 0 {
			port = t.port
		}
		t.brokerURL = scheme + "://" + net.JoinHostPort(t.host, strconv.Itoa(port))
		return nil
	}
	if f.Changed("host") || f.Changed("port") {
		return fmt.Errorf("--url and --host or --port exclude each other")
	}
	u, err := url.Parse(t.url)
	if err != nil {
		return fmt.Errorf("--url: %w", err)
	}
	if u.Host == "" {
		return fmt.Errorf("--url %q: want mqtt://host, mqtts://host, ws://host/mqtt or wss://host/mqtt", t.url)
	}
	if u.User != nil {
		if !t.hasUser {
			t.username, t.hasUser = u.User.Username(), true
		}
		if pw, given := u.User.Password(); given && !f.Changed("pw") {
			t.password, t.hasPass = pw, true
		}
		u.User = nil
	}
	switch u.Scheme {
	case "ws", "wss":
	case "mqtt", "mqtts", "tcp", "ssl", "tls":
		t.urlTopic = strings.TrimPrefix(u.Path, "/")
		u.Path, u.RawPath = "", ""
	}
	if secure && (u.Scheme == "mqtt" || u.Scheme == "tcp" || u.Scheme == "ws") {
		return fmt.Errorf("--url %s:// is without TLS, but flags of TLS are given: write mqtts:// or wss://", u.Scheme)
	}
	t.brokerURL = u.String()
	return nil
}

// pass is the password to send, nil for none.
func (t *targetFlags) pass() []byte {
	if !t.hasPass {
		return nil
	}
	return []byte(t.password)
}

func (t *targetFlags) target() client.Target {
	return client.Target{URL: t.brokerURL, TLS: t.tlsConfig, Header: t.httpHeader}
}

func parseVersion(s string) (mqtt.Version, error) {
	switch s {
	case "5", "5.0", "mqttv5":
		return mqtt.V5, nil
	case "311", "3.1.1", "mqttv311":
		return mqtt.V311, nil
	}
	return 0, fmt.Errorf("-V %s: want 5, 311, mqttv5 or mqttv311", s)
}
