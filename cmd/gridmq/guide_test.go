//go:build linux

package main

import (
	flags "flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var updateGuides = flags.Bool("update-guides", false, "write into docs/ what the commands of the guides print")

// guides are the pages that are followed as they are written, and the programs that
// their readers have beside gridmq.
var guides = map[string][]string{
	"start.md":             nil,
	"operate.md":           {"curl", "openssl"},
	"sparkplug.md":         nil,
	"edge.md":              {"curl"},
	"migrate.md":           {"mosquitto", "mosquitto_passwd", "mosquitto_pub", "curl"},
	"local-development.md": {"curl"},
	"ci.md":                {"curl", "jq"},
}

// TestGuides does what the guides say, and compares what comes. Where only the output
// has changed, and for the better, read the difference after
//
//	go test ./cmd/gridmq -run TestGuides/operate -update-guides
func TestGuides(t *testing.T) {
	for name, programs := range guides {
		t.Run(strings.TrimSuffix(name, ".md"), func(t *testing.T) {
			t.Parallel()
			for _, p := range append([]string{"bash"}, programs...) {
				wantProgram(t, p)
			}
			path := filepath.Join("..", "..", "docs", name)
			page, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			g := readGuide(page)
			if len(g.steps) == 0 {
				t.Fatal("there is nothing to do in it")
			}
			if *updateGuides {
				defer g.write(t, path) // as far as it went
			}
			g.follow(t, newGuideShell(t))
		})
	}
}

func (g *guide) write(t *testing.T, path string) {
	if err := os.WriteFile(path, []byte(strings.Join(g.lines, "\n")+"\n"), 0o644); err != nil {
		t.Error(err)
	}
}

func wantProgram(t *testing.T, name string) {
	t.Helper()
	for _, place := range []string{name, "/usr/sbin/" + name} { // Debian's mosquitto
		if _, err := exec.LookPath(place); err == nil {
			return
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing (make tools)", name)
	}
	t.Skipf("%s is missing (make tools)", name)
}

func (g *guide) follow(t *testing.T, s *guideShell) {
	moved := 0 // lines that the page has more, by what was updated
	for _, step := range g.steps {
		switch {
		case step.file != "":
			s.write(step.file, step.text)
		case step.script:
			if out, code := s.script(step.text); code != 0 {
				t.Fatalf("line %d: exit code %d\n%s\n%s", step.line, code, step.text, strings.Join(out, "\n"))
			}
		}
		for _, c := range step.commands {
			got, code := s.run(c.text)
			if code != 0 && !says(c.want, "gridmq: ") {
				t.Fatalf("line %d: %s\nexit code %d\n%s", c.line, c.text, code, strings.Join(got, "\n"))
			}
			why := differs(got, c.want)
			if why == "" {
				continue
			}
			if !*updateGuides {
				t.Errorf("line %d: %s\n%s; all of it:\n%s", c.line, c.text, why, strings.Join(got, "\n"))
				continue
			}
			g.lines = slices.Replace(g.lines, c.first+moved, c.last+moved, got...)
			moved += len(got) - len(c.want)
		}
	}
}

// says is whether the page shows that the command fails.
func says(lines []string, begin string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, begin) })
}
