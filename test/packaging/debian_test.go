package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// unpackDebian lays the package out below a folder, as dpkg would below /.
func unpackDebian(t *testing.T) (deb, dir string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("Debian packages are for Linux")
	}
	need(t, "dpkg-deb", "apt-get install dpkg")
	out, err := released()
	if err != nil {
		t.Fatal(err)
	}
	deb = filepath.Join(out, "gridmq_0.0.1~rc.1_"+runtime.GOARCH+".deb")
	dir = t.TempDir()
	must(t, out, nil, "dpkg-deb", "-x", deb, dir)
	return deb, dir
}

// TestDebian: the package holds what Debian expects at its places, with the configuration
// as a file that upgrades leave alone, and its binary runs.
func TestDebian(t *testing.T) {
	deb, dir := unpackDebian(t)
	for _, name := range []string{"usr/bin/gridmq", "lib/systemd/system/gridmq.service", "etc/gridmq/gridmq.yaml", "usr/share/doc/gridmq/copyright",
		"usr/share/man/man1/gridmq.1.gz", "usr/share/man/man1/gridmq-serve.1.gz", "usr/share/bash-completion/completions/gridmq",
		"usr/share/doc/gridmq/changelog.gz", "usr/share/doc/gridmq/docs/operate.md", "usr/share/doc/gridmq/CHANGELOG.md.gz", "usr/share/zsh/vendor-completions/_gridmq", "usr/share/fish/vendor_completions.d/gridmq.fish"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%v", err)
		}
	}
	if got := must(t, dir, nil, "dpkg-deb", "-I", deb, "conffiles"); got != "/etc/gridmq/gridmq.yaml\n" {
		t.Errorf("conffiles is %q", got)
	}
	for field, want := range map[string]string{"Package": "gridmq", "Architecture": runtime.GOARCH, "Version": "0.0.1~rc.1", "Maintainer": "Packager <packager@example.org>"} {
		if got := strings.TrimSpace(must(t, dir, nil, "dpkg-deb", "-f", deb, field)); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	list := must(t, dir, nil, "dpkg-deb", "-c", deb)
	for line := range strings.Lines(list) {
		if !strings.Contains(line, " root/root ") {
			t.Errorf("not root's: %s", line)
		}
	}
	// dpkg --verify compares these.
	sums := must(t, dir, nil, "dpkg-deb", "-I", deb, "md5sums")
	check := exec.Command("md5sum", "-c", "--quiet", "-")
	check.Dir, check.Stdin = dir, strings.NewReader(sums)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("md5sums: %v\n%s", err, out)
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		text := must(t, dir, nil, "dpkg-deb", "-I", deb, script)
		check := exec.Command("sh", "-n")
		check.Stdin = strings.NewReader(text)
		if out, err := check.CombinedOutput(); err != nil || !strings.Contains(text, "set -e") {
			t.Errorf("%s: %v, or it goes on after an error\n%s", script, err, out)
		}
	}

	program := filepath.Join(dir, "usr/bin/gridmq")
	must(t, dir, nil, program, "config", "check", filepath.Join(dir, "etc/gridmq/gridmq.yaml"))
	data := filepath.Join(t.TempDir(), "data")
	cmd := exec.Command(program, "serve", "--dev", "--free-ports")
	cmd.Env = []string{"GRIDMQ_CONFIG=" + filepath.Join(dir, "etc/gridmq/gridmq.yaml"), "GRIDMQ_DATA=" + data}
	b := startBroker(t, cmd, data)
	b.roundTrip(t, "smoke/deb", places(b.MQTT), places(b.MQTT))
}

// TestManual: man reads every page without a complaint.
func TestManual(t *testing.T) {
	need(t, "man", "apt-get install man-db")
	pages, err := filepath.Glob(filepath.Join(mustUnpack(t), "man", "man1", "*.1"))
	if err != nil || len(pages) < 40 {
		t.Fatalf("there are %d pages, %v", len(pages), err)
	}
	for _, one := range pages {
		cmd := exec.Command("man", "--warnings", "-l", one)
		cmd.Env = []string{"LC_ALL=C.UTF-8", "MANWIDTH=200", "PATH=" + os.Getenv("PATH")}
		var complaint strings.Builder
		cmd.Stderr = &complaint
		if out, err := cmd.Output(); err != nil || complaint.Len() > 0 || !strings.Contains(string(out), "SYNOPSIS") {
			t.Errorf("%s: %v %s", filepath.Base(one), err, complaint.String())
		}
	}
}

// TestUnit: systemd understands every line of the unit, and the unit keeps the broker from
// what it does not need. What systemd says of this: systemd-analyze security.
func TestUnit(t *testing.T) {
	need(t, "systemd-analyze", "apt-get install systemd")
	_, dir := unpackDebian(t)
	unit := filepath.Join(dir, "lib/systemd/system/gridmq.service")
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	// verify wants the programs to be there; those of the package are not on this machine.
	text = []byte(strings.ReplaceAll(string(text), "/usr/bin/gridmq", filepath.Join(dir, "usr/bin/gridmq")))
	copied := filepath.Join(t.TempDir(), "gridmq.service")
	if err := os.WriteFile(copied, text, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", copied).CombinedOutput()
	if err != nil || strings.Contains(string(out), "gridmq.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// 0 is all that is possible, 100 is nothing; 15 leaves out what no network server can do.
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=15", copied).CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Errorf("systemd-analyze security: %v\n%s", err, strings.Join(slices.DeleteFunc(lines, func(l string) bool {
			return strings.Contains(l, "✓")
		}), "\n"))
	}
}
