package robustness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// built is the folder of the binaries that this run has made.
var built string

var buildFolder = sync.OnceValues(func() (dir string, err error) {
	built, err = os.MkdirTemp("", "gridmq-robustness")
	return built, err
})

// binary builds the broker, once for each kind.
var (
	binary     = sync.OnceValues(func() (string, error) { return build("gridmq", "-trimpath") })
	raceBinary = sync.OnceValues(func() (string, error) { return build("gridmq-race", "-race") })
)

func build(name string, flags ...string) (string, error) {
	race := slices.Contains(flags, "-race")
	if given := os.Getenv("GRIDMQ_BINARY"); given != "" && !race {
		return given, nil
	}
	dir, err := buildFolder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	args := append([]string{"build", "-o", path}, flags...)
	cmd := exec.Command("go", append(args, "gridmq/cmd/gridmq")...)
	if !race { // as the release is, and the Makefile's vet, which has compiled it
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return path, nil
}

// cannot skips a test for a reason that lies outside of it; on CI that fails.
func cannot(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("on CI this must run: "+format, args...)
	}
	t.Skipf(format, args...)
}
