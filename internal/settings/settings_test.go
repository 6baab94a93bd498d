package settings

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type limits struct {
	QueueMessages int
	QueueBytes    int64
	MaximumQoS    byte
	SharedSubs    bool
	Window        struct{ In, Out uint16 }
	Policy        policy
}

type policy uint8

func init() { Enum[policy]("oldest", "newest") }

type room struct {
	Profile string
	Limits  Overrides[limits]
}

func (r *room) SetDefaults() { r.Profile = "standard" }

type config struct {
	Data    string
	Level   slog.Level `reload:"yes"`
	Cache   Size
	Wait    time.Duration
	Hosts   []string
	Listen  struct{ Address string }
	Tenants map[string]room `reload:"yes"`
}

func defaults() config {
	return config{Data: "./data", Wait: time.Second, Tenants: map[string]room{"default": {Profile: "standard"}}}
}

func load(t *testing.T, text string) (config, error) {
	t.Helper()
	c := defaults()
	l := New(&c)
	l.YAML("c.yaml", strings.NewReader(text))
	return c, l.Err()
}

func TestYAMLSetsEveryKind(t *testing.T) {
	c, err := load(t, `
data: /var/lib/gridmq
level: debug
cache: 64MiB
wait: 1m30s
hosts: [a, "b"]
listen: {address: ":8883"}
tenants:
  plant-1:
    limits: {queue_messages: 7, queue_bytes: 1KiB, maximum_qos: 1, shared_subs: true, window: {out: 5}, policy: newest}
`)
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != "/var/lib/gridmq" || c.Level != slog.LevelDebug || c.Cache != 64<<20 || c.Wait != 90*time.Second ||
		!slices.Equal(c.Hosts, []string{"a", "b"}) || c.Listen.Address != ":8883" {
		t.Errorf("loaded %+v", c)
	}
	if len(c.Tenants) != 2 || c.Tenants["plant-1"].Profile != "standard" {
		t.Errorf("tenants are %+v, want the default one and plant-1 with its defaults", c.Tenants)
	}
	plant := c.Tenants["plant-1"]
	base := limits{QueueMessages: 10, MaximumQoS: 2}
	base.Window.In = 3
	got := plant.Limits.Apply(base)
	want := limits{QueueMessages: 7, QueueBytes: 1024, MaximumQoS: 1, SharedSubs: true, Policy: 1}
	want.Window.In, want.Window.Out = 3, 5
	if got != want {
		t.Errorf("limits are %+v, want %+v", got, want)
	}
}

func TestYAMLRefusals(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"unknown key":      {"data: x\nwiat: 3s\n", `c.yaml:2:1: unknown key "wiat" (did you mean "wait"?)`},
		"unknown, inside":  {"listen:\n  port: 3\n", `c.yaml:2:3: listen: unknown key "port" (known: address)`},
		"unknown limit":    {"tenants:\n  default:\n    limits:\n      queue: 3\n", `c.yaml:4:7: tenants.default.limits: unknown key "queue"`},
		"twice":            {"data: x\ndata: y\n", `c.yaml:2:1: key "data" is here twice, first in line 1`},
		"number as text":   {"data: 8883\n", `c.yaml:1:7: data: want text, have the number 8883 (quote it`},
		"text as number":   {"tenants: {default: {limits: {queue_messages: many}}}\n", `want a whole number, have "many"`},
		"too large":        {"tenants: {default: {limits: {maximum_qos: 300}}}\n", `300 is too large`},
		"below zero":       {"tenants: {default: {limits: {maximum_qos: -1}}}\n", `-1 is below zero`},
		"size of a count":  {"tenants: {default: {limits: {queue_messages: 1KiB}}}\n", `want a whole number, have "1KiB"`},
		"bad enum":         {"tenants: {default: {limits: {policy: last}}}\n", `want oldest or newest, have "last"`},
		"bad size":         {"cache: 64 foos\n", `want a size such as 64MiB or a number of bytes, have "64 foos"`},
		"bare duration":    {"wait: 30\n", `c.yaml:1:7: wait: want a duration such as 30s, have the number 30`},
		"list as text":     {"data: [a]\n", `want text, have a list`},
		"text as list":     {"hosts: a\n", `want a list of texts, have "a"`},
		"value as section": {"listen: x\n", `c.yaml:1:9: listen: want keys with values here, have "x"`},
		"bad level":        {"level: loud\n", `level: slog: level string "loud": unknown name`},
		"bad name":         {"tenants: {Plant_1: {}}\n", `name "Plant_1": want 1 to 50 lower-case letters`},
		"not YAML":         {"data: x\n\tfoo\n", `c.yaml:2:1: found a tab character that violates indentation`},
		"two documents":    {"data: x\n---\ndata: y\n", `more than one document`},
		"a list on top":    {"- a\n", `c.yaml:1:1: want keys with values here, have a list`},
		"alias to itself":  {"tenants: &a\n  x: *a\n", `unknown key "x"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("loading %q says %v, want %q", tt.text, err, tt.want)
			}
		})
	}
}

func TestAllProblemsAreToldAtOnce(t *testing.T) {
	_, err := load(t, "data: 1\nwait: 2\nlisten: {addres: x}\n")
	if n := strings.Count(err.Error(), "\n") + 1; n != 3 {
		t.Errorf("told %d problems, want 3:\n%v", n, err)
	}
}

func TestEmptyAndNullKeepDefaults(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "data:\ntenants:\n  default:\n"} {
		if c, err := load(t, text); err != nil || c.Data != "./data" || c.Tenants["default"].Profile != "standard" {
			t.Errorf("loading %q gives %+v, %v, want the defaults", text, c, err)
		}
	}
}

func TestEnviron(t *testing.T) {
	c := defaults()
	c.Tenants["plant-1"] = room{Profile: "azure"}
	l := New(&c)
	unknown := l.Environ("GRIDMQ", []string{
		"GRIDMQ_DATA=/d", "GRIDMQ_LISTEN_ADDRESS=:1", "GRIDMQ_HOSTS=a, b",
		"GRIDMQ_TENANTS_PLANT_1_LIMITS_QUEUE_MESSAGES=3", "GRIDMQ_TENANTS_NEW_ONE_PROFILE=azure",
		"GRIDMQ_PORT_1883_TCP=tcp://10.0.0.1", "GRIDMQ_LISTEN=x", "HOME=/root",
	})
	if err := l.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"GRIDMQ_LISTEN", "GRIDMQ_PORT_1883_TCP"}, unknown); diff != "" {
		t.Errorf("unknown variables (-want +got):\n%s", diff)
	}
	plant := c.Tenants["plant-1"]
	if c.Data != "/d" || c.Listen.Address != ":1" || !slices.Equal(c.Hosts, []string{"a", "b"}) ||
		plant.Profile != "azure" || plant.Limits.Apply(limits{}).QueueMessages != 3 || c.Tenants["new-one"].Profile != "azure" {
		t.Errorf("loaded %+v", c)
	}
}

func TestVariableNamesAreUnderstood(t *testing.T) {
	c := defaults()
	for _, path := range []string{"data", "listen.address", "tenants.default.profile", "tenants.default.limits.queue_bytes", "tenants.default.limits.window.in"} {
		l := New(&c)
		if unknown := l.Environ("X", []string{Variable("X", path) + "=1"}); unknown != nil || l.PlaceOf(path) == (Place{}) {
			t.Errorf("%s did not set %s", Variable("X", path), path)
		}
	}
}

func TestSetRefusals(t *testing.T) {
	tests := map[string]string{
		"wiat":                           `--set: wiat: unknown key "wiat" (did you mean "wait"?)`,
		"listen":                         `is not a single value`,
		"data.x":                         `data is a single value and has no key "x"`,
		"tenants.default.limits.queue_m": `unknown key "queue_m"`,
		"tenants.A.profile":              `name "A"`,
		"wait":                           `want a duration`,
	}
	for path, want := range tests {
		c := defaults()
		l := New(&c)
		l.Set("--set", path, "x")
		if err := l.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("setting %s says %v, want %q", path, err, want)
		}
	}
}

func TestProblemsOfTheCallerArePlaced(t *testing.T) {
	c := defaults()
	l := New(&c)
	l.YAML("c.yaml", strings.NewReader("data: x\nlisten:\n  address: nowhere\n"))
	l.Problem("listen.address", "want host:port")
	l.Problem("listen.other", "is missing")
	l.Problem("wait", "is too short")
	want := "c.yaml:3:12: listen.address: want host:port\n" +
		"c.yaml:2:1: listen.other: is missing\n" +
		"wait: is too short"
	if got := l.Err().Error(); got != want {
		t.Errorf("told:\n%s\nwant:\n%s", got, want)
	}
}

func TestChanged(t *testing.T) {
	a, b := defaults(), defaults()
	l := New(&b)
	l.Set("test", "data", "/d")
	l.Set("test", "level", "debug")
	l.Set("test", "tenants.default.limits.queue_bytes", "1KiB")
	paths, reload := Changed(&a, &b)
	if diff := cmp.Diff([]string{"data", "level", "tenants.default.limits.queue_bytes"}, paths); diff != "" {
		t.Errorf("changed paths (-want +got):\n%s", diff)
	}
	if reload["data"] || !reload["level"] || !reload["tenants.default.limits.queue_bytes"] {
		t.Errorf("reload is %v, want all but data", reload)
	}
	def := a.Tenants["default"]
	if len(def.Limits.Keys()) != 0 {
		t.Error("a change of one config reached another")
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "1": 1, "1B": 1, "1.5KiB": 1536, "10KB": 10000, "2 GiB": 2 << 30} {
		if got, err := parseSize(text); err != nil || Size(got) != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	for size, want := range map[Size]string{0: "0", 1: "1", 1024: "1KiB", 64 << 20: "64MiB", 1500: "1500"} {
		if got := size.String(); got != want {
			t.Errorf("%d is written %q, want %q", int64(size), got, want)
		}
	}
}

func FuzzYAML(f *testing.F) {
	f.Add("data: x\ntenants: {a: {limits: {queue_bytes: 1}}}\n")
	f.Add("a: &x [*x]\nhosts: *x\n")
	f.Add("tenants: &a {default: {limits: *a}}\n")
	// Refusing a file is fine; panicking on it is not.
	f.Fuzz(func(t *testing.T, text string) {
		c := defaults()
		l := New(&c)
		l.YAML("f.yaml", strings.NewReader(text))
		_ = l.Err()
	})
}
