package packaging

import (
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestArchive: what is unpacked is complete, knows its version, needs nothing of the system,
// starts and carries a message.
func TestArchive(t *testing.T) {
	dir := mustUnpack(t)
	program := filepath.Join(dir, "gridmq")
	if out := must(t, dir, nil, program, "version"); !strings.HasPrefix(out, "gridmq "+version+" (go1.") {
		t.Errorf("gridmq version prints %q, want %s", out, version)
	}
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md", "THIRD-PARTY-NOTICES", "gridmq.example.yaml", "docs/README.md", "docs/examples/webhook.yaml", "man/man1/gridmq.1",
		"man/man1/gridmq-events-ack.1", "completions/gridmq.bash", "completions/_gridmq", "completions/gridmq.fish", "completions/gridmq.ps1"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() < 100 {
			t.Errorf("%s: %v, or it is next to empty", name, err)
		}
	}
	if runtime.GOOS == "linux" {
		checkStatic(t, program)
	}
	data := filepath.Join(t.TempDir(), "data")
	cmd := exec.Command(program, "serve", "--dev", "--free-ports", "--data", data)
	cmd.Env = []string{} // nothing of this machine
	b := startBroker(t, cmd, data)
	b.roundTrip(t, "smoke/plain", places(b.MQTT), places(b.MQTT))
	b.roundTrip(t, "smoke/tls", places(b.MQTTS, "--cafile", b.CA), places(b.MQTTS, "--cafile", b.CA))
	if out := must(t, dir, nil, program, "health", "--url", "http://"+b.Operations); out != "ready\n" {
		t.Errorf("gridmq health prints %q", out)
	}
}

// checkStatic: no interpreter, no libraries: it runs in an image that holds nothing else.
func checkStatic(t *testing.T, program string) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Errorf("%s asks for an interpreter: it is not static", program)
		}
	}
	if libs, err := f.ImportedLibraries(); err != nil || len(libs) > 0 {
		t.Errorf("%s asks for the libraries %q, %v", program, libs, err)
	}
}

// TestSums: every file is in SHA256SUMS, and with the sum that it has.
func TestSums(t *testing.T) {
	out, err := released()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(text)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
	}
	list, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		if one.Name() == "SHA256SUMS" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(out, one.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%x", sha256.Sum256(b)); sums[one.Name()] != want {
			t.Errorf("SHA256SUMS has %q for %s, want %s", sums[one.Name()], one.Name(), want)
		}
		delete(sums, one.Name())
	}
	if len(sums) > 0 {
		t.Errorf("SHA256SUMS names files that are not there: %v", sums)
	}
}

// TestReproducible: another folder, another mask and another day, the same bytes.
func TestReproducible(t *testing.T) {
	first, err := released()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(t.TempDir(), "elsewhere")
	if err := copySource(source); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(t.TempDir(), "dist")
	must(t, source, nil, "sh", "-c", "umask 077 && exec go run ./internal/dist -out \"$0\" -version "+version+" -time "+seconds+
		" -maintainer 'Packager <packager@example.org>' -targets "+runtime.GOOS+"/"+runtime.GOARCH, second)
	a, err := os.ReadFile(filepath.Join(first, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(second, "SHA256SUMS")); err != nil || string(a) != string(b) {
		t.Errorf("built twice, the sums are\n%s\nand\n%s %v", a, b, err)
	}
}
