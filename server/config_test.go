package server

import (
	"bytes"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gridmq/broker"
	"gridmq/docs"
	"gridmq/internal/settings"
)

// values lists every leaf of a configuration.
func values(c *Config) map[string]string {
	all := map[string]string{}
	settings.Walk(c, func(path string, v reflect.Value, _ reflect.StructTag) { all[path] = settings.Format(v) })
	return all
}

// load reads a text over the defaults, as a file.
func load(t *testing.T, text string) (Config, *settings.Loader, error) {
	t.Helper()
	c := Default()
	l := settings.New(&c)
	l.YAML("gridmq.yaml", strings.NewReader(text))
	check(&c, l)
	return c, l, l.Err()
}

func TestExampleIsTheDefault(t *testing.T) {
	c, _, err := load(t, string(docs.ExampleConfig))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	if diff := cmp.Diff(values(&want), values(&c)); diff != "" {
		t.Errorf("the example differs from the defaults (-default +example):\n%s", diff)
	}
}

// A commented setting of the example begins with # and a name, without a space.
var commented = regexp.MustCompile(`(?m)^(\s*)#([a-z])`)

func TestExampleIsComplete(t *testing.T) {
	c, l, err := load(t, string(commented.ReplaceAll(docs.ExampleConfig, []byte("$1$2"))))
	if err != nil {
		t.Fatal(err)
	}
	full := Default()
	full.TLS.Certificates = map[string]Certificate{"example": {}}
	full.Kafka = map[string]KafkaTopic{"telemetry": {}}
	example := Bridge{Topics: map[string]BridgeTopic{"telemetry": {}}}
	full.Bridges = map[string]Bridge{"cloud": example}
	delete(full.Listeners, "wss") // its keys are those of mqtts
	settings.Walk(&full, func(path string, _ reflect.Value, _ reflect.StructTag) {
		if !l.IsSet(path) {
			t.Errorf("the example does not show %s", path)
		}
	})
	standard := broker.StandardLimits()
	settings.Walk(&standard, func(path string, _ reflect.Value, _ reflect.StructTag) {
		if path = "namespaces.default.limits." + path; !l.IsSet(path) {
			t.Errorf("the example does not show %s", path)
		}
	})
	def := c.Namespaces[DefaultNamespace]
	if diff := cmp.Diff(standard, def.Limits.Apply(broker.Limits{})); diff != "" {
		t.Errorf("limits of the example differ from profile standard (-standard +example):\n%s", diff)
	}
}

// The example tells the numbers of profile azure in comments; they are true.
func TestExampleTellsAzure(t *testing.T) {
	text := commented.ReplaceAll(docs.ExampleConfig, []byte("$1$2"))
	azure := regexp.MustCompile(`(?m)^(\s*[a-z0-9_]+: )\S+\s+# (?:per session; )?azure: ([^;\s]+).*$`)
	c, _, err := load(t, string(azure.ReplaceAll(text, []byte("$1$2"))))
	if err != nil {
		t.Fatal(err)
	}
	def := c.Namespaces[DefaultNamespace]
	if diff := cmp.Diff(broker.AzureLimits(), def.Limits.Apply(broker.Limits{})); diff != "" {
		t.Errorf("limits told for azure differ from the profile (-azure +example):\n%s", diff)
	}
}

func TestRefusedConfigurations(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"unknown key":           {"listners: {}\n", `gridmq.yaml:1:1: unknown key "listners" (did you mean "listeners"?)`},
		"unknown limit":         {"namespaces:\n  default:\n    limits:\n      packet_size: 1\n", `gridmq.yaml:4:7: namespaces.default.limits: unknown key "packet_size"`},
		"wrong type":            {"data: 7\n", `gridmq.yaml:1:7: data: want text`},
		"address":               {"listeners:\n  mqtts:\n    address: 8883x\n", `gridmq.yaml:3:14: listeners.mqtts.address: want host:port`},
		"transport":             {"listeners: {mqtts: {transport: quic}}\n", `want tls or wss or tcp or ws, have "quic"`},
		"namespace":             {"listeners: {mqtts: {namespace: plant}}\n", `there is no namespace "plant"`},
		"dev is not for it":     {"listeners: {mqtts: {namespace: dev}}\n", `exists only with --dev`},
		"one address twice":     {"listeners: {other: {address: \":8883\"}}\n", `address :8883 is also listeners.mqtts.address`},
		"proxy, untrusted":      {"listeners: {mqtts: {proxy_protocol: true}}\n", `want the addresses of the proxies`},
		"network":               {"listeners: {mqtts: {proxy_trusted: [everybody]}}\n", `have "everybody"`},
		"half certificate":      {"tls: {certificates: {a: {key: k.pem}}}\n", `tls.certificates.a: want both certificate and key`},
		"profile":               {"namespaces: {default: {profile: aws}}\n", `want standard or azure, have "aws"`},
		"host of two":           {"namespaces: {default: {hosts: [A.example]}, b: {hosts: [a.example.]}}\n", `belongs to namespace`},
		"qos 3":                 {"namespaces: {default: {limits: {maximum_qos: 3}}}\n", `want 0 to 2, have 3`},
		"negative":              {"namespaces: {default: {limits: {sessions: -1}}}\n", `want 0 or more, have -1`},
		"policy":                {"namespaces: {default: {limits: {queue: {policy: drop}}}}\n", `want drop-oldest or drop-newest or terminate`},
		"acme, terms":           {"acme: {enabled: true}\n", `acme.accept_terms: want true`},
		"acme, directory":       {"acme: {enabled: true, accept_terms: true, directory: \"http://a.example/\"}\n", `acme.directory: want https`},
		"acme, wildcard":        {"acme: {enabled: true, accept_terms: true, hosts: [\"*.a.example\"]}\n", `have "*.a.example"`},
		"acme, address":         {"acme: {enabled: true, accept_terms: true, hosts: [192.0.2.1]}\n", `have "192.0.2.1"`},
		"acme, nobody":          {"acme: {enabled: true, accept_terms: true}\nlisteners: {mqtts: {enabled: false}, wss: {transport: ws}}\n", `acme.enabled: want a listener`},
		"oidc, plain":           {"management: {oidc: {issuer: \"http://a.example\", audience: x}}\n", `management.oidc.issuer: want https`},
		"oidc, for all":         {"management: {oidc: {issuer: \"https://a.example\"}}\n", `management.oidc.audience: want`},
		"oidc, sign-in alone":   {"management: {oidc: {sign_in: {client_id: x}}}\n", `management.oidc.issuer: want`},
		"oidc, not an origin":   {"management: {oidc: {issuer: \"https://a.example\", audience: x, sign_in: {client_id: x, origins: [\"https://*.example\"]}}}\n", `sign_in.origins: want origins`},
		"oidc, without openid":  {"management: {oidc: {issuer: \"https://a.example\", audience: x, sign_in: {client_id: x, scopes: [profile]}}}\n", `sign_in.scopes: want openid`},
		"oidc, of nobody":       {"management: {oidc: {audience: x}}\n", `management.oidc.issuer: want`},
		"kafka, nothing":        {"kafka: {a: {}}\n", `gridmq.yaml:1:9: kafka.a.resource_id: want what event subscriptions name`},
		"kafka, no broker":      {"kafka: {a: {topic: a}}\n", `kafka.a.brokers: want at least one broker`},
		"kafka, a URL":          {"kafka: {a: {brokers: [\"kafka://a:9092\"]}}\n", `kafka.a.brokers: want host:port such as kafka.example:9092, have "kafka://a:9092"`},
		"kafka, topic":          {"kafka: {a: {topic: \"a b\"}}\n", `kafka.a.topic: want 1 to 249 letters`},
		"kafka, mode":           {"kafka: {a: {mode: avro}}\n", `kafka.a.mode: want structured or binary, have "avro"`},
		"kafka, codec":          {"kafka: {a: {compression: zip}}\n", `kafka.a.compression: want none, gzip`},
		"kafka, size":           {"kafka: {a: {message_bytes: 1KiB}}\n", `kafka.a.message_bytes: want 16384 to`},
		"kafka, mechanism":      {"kafka: {a: {sasl: {mechanism: gssapi}}}\n", `kafka.a.sasl.mechanism: want plain`},
		"kafka, no secret":      {"kafka: {a: {sasl: {mechanism: plain, username: u, password: x1y2}}}\n", `kafka.a.sasl.password: want where the secret is`},
		"kafka, in clear":       {"kafka: {a: {tls: false, sasl: {mechanism: plain, username: u, password: \"env:X\"}}}\n", `kafka.a.tls: want true with plain`},
		"kafka, no token":       {"kafka: {a: {sasl: {mechanism: oauthbearer}}}\n", `kafka.a.sasl.token: want`},
		"kafka, token URL":      {"kafka: {a: {sasl: {mechanism: oauthbearer, token_url: \"http://a.example/\"}}}\n", `kafka.a.sasl.token_url: `},
		"kafka, twice":          {"kafka: {a: {resource_id: /Subscriptions/s}, b: {resource_id: /subscriptions/S}}\n", `kafka.b.resource_id: this is also that of kafka.a`},
		"short namespace":       {"namespaces: {ab: {}}\n", `gridmq.yaml:1:14: namespaces.ab: name "ab": name: want 3 to 50 letters`},
		"reserved name":         {"namespaces: {system-a: {}}\n", `namespaces.system-a: name "system-a": name: cannot begin with "system"`},
		"bridge without maps":   {"bridges: {a: {address: \"mqtts://h\"}}\n", `bridges.a.topics: want at least one map`},
		"bridge to nowhere":     {"bridges: {a: {address: \"h:8883\", topics: {t: {filter: a}}}}\n", `bridges.a.address: want mqtts://host:8883`},
		"bridge with password":  {"bridges: {a: {address: \"mqtts://u:secret@h\", topics: {t: {filter: a}}}}\n", `use username and password_file`},
		"bridge, namespace":     {"bridges: {a: {address: \"mqtts://h\", namespace: plant, topics: {t: {filter: a}}}}\n", `there is no namespace "plant"`},
		"bridge, filter":        {"bridges: {a: {address: \"mqtts://h\", topics: {t: {filter: \"a#\"}}}}\n", `bridges.a.topics.t: filter: the local filter "a#"`},
		"bridge, qos":           {"bridges: {a: {address: \"mqtts://h\", topics: {t: {filter: a, qos: 2}}}}\n", `gridmq.yaml:1:66: bridges.a.topics.t.qos: want 0 or 1, have 2`},
		"bridge, half pair":     {"bridges: {a: {address: \"mqtts://h\", tls: {key_file: k}, topics: {t: {filter: a}}}}\n", `bridges.a.tls: want both`},
		"bridge, two passwords": {"bridges: {a: {address: \"mqtts://h\", password_file: p, token: {file: t}, topics: {t: {filter: a}}}}\n", `the token would be the password`},
		"bridge, method of 5":   {"bridges: {a: {address: \"mqtts://h\", version: \"3.1.1\", token: {file: t, method: X}, topics: {t: {filter: a}}}}\n", `authentication methods are of MQTT 5`},
		"bridge, endpoint":      {"bridges: {a: {address: \"mqtts://h\", token: {endpoint: \"http://idp\"}, topics: {t: {filter: a}}}}\n", `http is allowed to addresses of this machine only`},
		"bridge, terminate":     {"bridges: {a: {address: \"mqtts://h\", queue: {policy: terminate}, topics: {t: {filter: a}}}}\n", `drop-oldest or drop-newest`},
		"bridge that echoes":    {"bridges: {a: {address: \"mqtts://h\", version: \"3.1.1\", topics: {t: {filter: a, direction: both}}}}\n", `MQTT 3.1.1 has no way`},
		"bridges in a circle": {"bridges: {a: {address: \"mqtts://h\", topics: {t: {filter: a}}}, b: {address: \"mqtts://H:8883\", topics: {t: {filter: a, direction: in}}}}\n",
			`bridges "a" and "b" lead to the same broker`},
		"dev listener name": {"listeners: {dev: {address: \":1\"}}\n", `belongs to the listeners of --dev`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, _, err := load(t, tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("loading %q says %v, want %q", tt.text, err, tt.want)
			}
		})
	}
}

func TestDevStaysAtHome(t *testing.T) {
	tests := map[string]Assignment{
		"listener":         {"--dev-listen", "dev.listen", "0.0.0.0:1883"},
		"every address":    {"--dev-listen", "dev.listen", ":1883"},
		"other address":    {"--dev-ws-listen", "dev.ws_listen", "192.0.2.1:8083"},
		"a host name":      {"--dev-listen", "dev.listen", "example.com:1883"},
		"secure listener":  {"--set", "listeners.mqtts.address", ":8883"},
		"a name in SNI":    {"--set", "namespaces.dev.hosts", "dev.example.com"},
		"another listener": {"--set", "listeners.extra.namespace", "dev"},
	}
	for name, flag := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := Sources{Flags: []Assignment{{"--dev", "dev.enabled", "true"}, flag}}.Load()
			if err == nil || !strings.Contains(err.Error(), flag.Path[:strings.LastIndex(flag.Path, ".")]) {
				t.Errorf("%s=%s was not refused: %v", flag.Path, flag.Value, err)
			}
		})
	}
}

func TestDevLeadsTheSecureListenersHome(t *testing.T) {
	c, _, err := Sources{Flags: []Assignment{{"--dev", "dev.enabled", "true"},
		{"--set", "listeners.wss.address", ":8443"}, {"--set", "listeners.wss.namespace", "default"}}}.Load()
	if err != nil {
		t.Fatal(err)
	}
	if l := c.Listeners["mqtts"]; l.Address != "127.0.0.1:8883" || l.Namespace != DevNamespace {
		t.Errorf("mqtts is %q into %q, want 127.0.0.1:8883 into dev", l.Address, l.Namespace)
	}
	if l := c.Listeners["wss"]; l.Address != ":8443" || l.Namespace != DefaultNamespace {
		t.Errorf("wss is %q into %q, want what was configured", l.Address, l.Namespace)
	}
}

func TestLaterSourcesWin(t *testing.T) {
	file := t.TempDir() + "/gridmq.yaml"
	write(t, file, "log: {level: warn}\nshutdown: {timeout: 1s}\ndata: /from/file\n")
	s := Sources{File: file,
		Environ: []string{"GRIDMQ_DATA=/from/env", "GRIDMQ_SHUTDOWN_TIMEOUT=2s", "GRIDMQ_NONSENSE=1",
			"GRIDMQ_NAMESPACES_DEFAULT_LIMITS_QUEUE_BYTES=1KiB"},
		Flags: []Assignment{{"--data", "data", "/from/flag"}}}
	c, warnings, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	def := c.Namespaces[DefaultNamespace]
	if c.Data != "/from/flag" || c.Shutdown.Timeout.String() != "2s" || c.Log.Level.String() != "WARN" ||
		def.limits().Queue.Bytes != 1024 {
		t.Errorf("loaded %+v", c)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "GRIDMQ_NONSENSE") {
		t.Errorf("warnings are %q, want one that names GRIDMQ_NONSENSE", warnings)
	}
	if _, _, err := (Sources{File: file + ".missing"}).Load(); err == nil {
		t.Error("a missing file was not refused")
	}
}

// Every setting has a variable, and no two share one.
func TestEverySettingHasItsVariable(t *testing.T) {
	c := Default()
	var paths []string
	settings.Walk(&c, func(path string, _ reflect.Value, _ reflect.StructTag) { paths = append(paths, path) })
	for _, path := range paths {
		l := settings.New(&c)
		if unknown := l.Environ(envPrefix, []string{settings.Variable(envPrefix, path) + "="}); unknown != nil {
			t.Errorf("%s sets nothing, want %s", unknown, path)
		} else if !l.IsSet(path) && l.Err() == nil {
			t.Errorf("%s does not set %s", settings.Variable(envPrefix, path), path)
		}
	}
	if !bytes.Contains(docs.ExampleConfig, []byte("GRIDMQ_LISTENERS_MQTTS_ADDRESS")) {
		t.Error("the example does not tell of variables")
	}
}
