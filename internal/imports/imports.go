// Package imports keeps the walls between the rooms: which top-level folder may
// import which. Its test parses every file of the module.
//
// Source: design.md section 2.
package imports

import (
	"slices"
	"strings"
)

// everything marks a room that sees all others.
const everything = "*"

// table says which rooms a room's code may import. A room is a top-level
// folder; what lies beneath it (store/pebble) belongs to it. A room that is not
// here does not exist yet: add it with the arrows that the design gives it.
var table = map[string]string{
	"mqtt":      "",
	"topic":     "",
	"event":     "",
	"store":     "",
	"listener":  "",
	"dashboard": "",
	"tracing":   "",
	"session":   "mqtt topic",
	"tap":       "mqtt topic",
	"identity":  "store",
	"access":    "identity topic store",
	"route":     "event mqtt topic store tracing",
	"delivery":  "event store tracing",
	"cluster":   "mqtt topic store",
	"client":    "mqtt",
	"broker":    "mqtt topic session tap identity access store tracing",
	"bridge":    "client mqtt topic store",
	"gateway":   "event delivery mqtt topic identity access tracing",
	"control":   "identity access route delivery event tap topic store",
	"server":    everything,
	"docs":      "",
	"cmd":       "server client mqtt topic bench docs", // and the clients of control and gateway, see doors
	"bench":     "mqtt client",
	"test":      everything,
	"internal":  "",
}

// doors are folders of other rooms that a room may import though not the room itself.
var doors = map[string][]string{
	"cmd":   {"control/client", "control/manifest", "control/manifest/mosquitto", "gateway/client"},
	"bench": {"control/client"}, // the key of a namespace
}

// engines are modules that only one part may know, so that it can be replaced.
var engines = map[string][]string{
	"github.com/cockroachdb/pebble":    {"store/pebble"},
	"github.com/nats-io/nats-server/":  {"store/jetstream", "cluster"},
	"github.com/spf13/cobra":           {"cmd"},
	"github.com/twmb/franz-go":         {"delivery/kafka"},
	"github.com/caddyserver/certmagic": {"server"},
}

// pure rooms import nothing but the standard library.
var pure = map[string]bool{"mqtt": true, "topic": true}

// room is the top-level folder of a path inside the module.
func room(path string) string {
	first, _, _ := strings.Cut(path, "/")
	return first
}

// mayImport says whether a file in folder from may import folder to. Small
// tools without an opinion (internal) are open to every room.
func mayImport(from, to string) bool {
	a, b := room(from), room(to)
	allowed, known := table[a]
	if !known {
		return false
	}
	if a == b || b == "internal" || allowed == everything || slices.Contains(doors[a], to) {
		return true
	}
	for one := range strings.FieldsSeq(allowed) {
		if one == b {
			return true
		}
	}
	return false
}
