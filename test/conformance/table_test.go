package conformance

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/conformance.md again")

const tablePath = "../../docs/conformance.md"

// TestTable keeps docs/conformance.md equal to the statements and their tests.
func TestTable(t *testing.T) {
	want := table(mqtt5, mqtt311)
	if *update {
		if err := os.WriteFile(tablePath, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(tablePath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: go test ./test/conformance -run TestTable -update", tablePath)
	}
}

func table(standards ...standard) []byte {
	var b bytes.Buffer
	b.WriteString(`# Conformance

Every numbered statement of both standards, in our own words, and how GridMQ (profile ` + "`standard`" + `) is held to it.
Generated from the tests: ` + "`go test ./test/conformance -run TestTable -update`" + `. Run one statement with
` + "`go test ./test/conformance -run MQTT5/MQTT-3.1.4-3`" + `. The numbers are those of appendix B of
[MQTT 5.0](https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html) and
[MQTT 3.1.1](https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html).

- **covered**: the test with this name proves it on raw sockets. "When" names what a test needs; without it, it is skipped.
- **not a server's**: it binds clients, or speaks of something this server does not do; the reason follows.
- **different**: GridMQ deliberately does otherwise; the reason follows.

| Standard | Statements | Covered | of these: when | Not a server's | Different |
| --- | --: | --: | --: | --: | --: |
`)
	for _, s := range standards {
		var covered, when, notServer, differs int
		for _, st := range s.statements() {
			switch {
			case st.notServer != "":
				notServer++
			case st.differs != "":
				differs++
			default:
				covered++
				if st.when != "" {
					when++
				}
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", s.title, covered+notServer+differs, covered, when, notServer, differs)
	}
	for _, s := range standards {
		fmt.Fprintf(&b, "\n## %s\n", s.title)
		chapter := ""
		for _, st := range s.statements() {
			if c, _, _ := strings.Cut(st.id, "."); c != chapter {
				chapter = c
				fmt.Fprintf(&b, "\n### Chapter %s\n\n| Statement | What it asks for | State |\n| --- | --- | --- |\n", c)
			}
			fmt.Fprintf(&b, "| MQTT-%s | %s | %s |\n", st.id, st.gist, st.stateIn(s))
		}
	}
	return b.Bytes()
}

func (st statement) stateIn(s standard) string {
	switch {
	case st.notServer != "":
		return "not a server's: " + st.notServer
	case st.differs != "":
		return "different: " + st.differs
	case s.all()[st.id] == nil:
		return "NOT COVERED"
	}
	covered := "covered: `" + s.name + "/MQTT-" + st.id + "`"
	if st.when != "" {
		covered += ", when " + st.when
	}
	return covered
}
