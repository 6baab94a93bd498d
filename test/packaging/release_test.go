package packaging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// patience is how long one step may take on a machine that is busy.
	patience = 5 * time.Minute
	// version and its time are those of a release, so that the tests do not depend on git.
	version = "v0.0.1-rc.1"
	seconds = "1700000000"
)

var scratch string // of this process

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "gridmq-packaging-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// root is the source.
func root() string {
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		panic(err)
	}
	return dir
}

// run runs a command in a folder and gives its standard output.
func run(dir string, env []string, name string, args ...string) (string, error) {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, complaint.String())
	}
	return string(out), err
}

// must is run for a step that has to succeed.
func must(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	out, err := run(dir, env, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// need skips a test where a program is missing, and fails it in CI.
func need(t *testing.T, program, how string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: %s", program, how)
	}
	t.Skipf("%s is missing: %s", program, how)
}

// copySource copies what belongs to the source (tracked or about to be) into a folder.
func copySource(to string) error {
	list, err := run(root(), nil, "git", "ls-files", "-co", "--exclude-standard", "-z")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(list, "\x00"), "\x00") {
		if err := copyFile(filepath.Join(root(), name), filepath.Join(to, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err // one that was removed and not yet committed is no error
		}
	}
	console := filepath.Join("dashboard", "dist", "console") // built, and so not among them; it is part of the binary
	if _, err := os.Stat(filepath.Join(root(), console)); err != nil {
		return nil // a build without it
	}
	return os.CopyFS(filepath.Join(to, console), os.DirFS(filepath.Join(root(), console)))
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil || info.IsDir() {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// here is the platform of this machine, as archives name it.
var here = runtime.GOOS + "_" + runtime.GOARCH

// released makes the release for this platform, once, and gives its folder.
var released = sync.OnceValues(func() (string, error) {
	out := filepath.Join(scratch, "dist")
	return out, makeRelease(root(), out)
})

func makeRelease(source, out string) error {
	_, err := run(source, nil, "go", "run", "./internal/dist", "-out", out, "-version", version, "-time", seconds, "-maintainer", "Packager <packager@example.org>",
		"-targets", runtime.GOOS+"/"+runtime.GOARCH)
	return err
}

// unpacked is the archive of this platform, unpacked once.
var unpacked = sync.OnceValues(func() (string, error) {
	out, err := released()
	if err != nil {
		return "", err
	}
	name := "gridmq_" + version + "_" + here
	_, err = run(out, nil, "tar", "-xzf", name+".tar.gz", "-C", scratch)
	return filepath.Join(scratch, name), err
})

func mustUnpack(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("archives are tried with tar")
	}
	dir, err := unpacked()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
