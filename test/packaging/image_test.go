package packaging

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// An image is what the steps of the Dockerfile made.
type image struct {
	dir     string // its file tree
	env     map[string]string
	user    string
	volumes []string
	ports   []string
	health  []string
	command []string // entry point and arguments
}

// readDockerfile parses it with Docker's own parser and linter; what that remarks is an error.
func readDockerfile(t *testing.T) []instructions.Stage {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(), "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	result, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range result.Warnings {
		t.Errorf("Dockerfile: %s", w.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, description, _, message string, at []parser.Range) {
		t.Errorf("Dockerfile:%d: %s: %s (%s)", at[0].Start.Line, rule, message, description)
	}})
	stages, _, err := instructions.Parse(result.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	return stages
}

// TestDockerfile: what a reader of the image may count on.
func TestDockerfile(t *testing.T) {
	stages := readDockerfile(t)
	if len(stages) != 2 || stages[1].BaseName != "scratch" {
		t.Fatalf("there are %d stages, the last on %q; want two, the last on scratch", len(stages), stages[len(stages)-1].BaseName)
	}
	// Pinned, and not older than go.mod asks for.
	if !regexp.MustCompile(`^golang:1\.26\.\d+-bookworm$`).MatchString(stages[0].BaseName) {
		t.Errorf("the base is %q, want an exact version of Go 1.26 on bookworm", stages[0].BaseName)
	}
	flags := ""
	for _, c := range stages[0].Commands {
		if r, ok := c.(*instructions.RunCommand); ok && strings.Contains(r.CmdLine[0], "go build") {
			flags = r.CmdLine[0]
		}
	}
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath", "-buildvcs=false", `-ldflags "-s -w -X main.version=${VERSION}"`} {
		if !strings.Contains(flags, want) {
			t.Errorf("the build is %q, want the flags of make dist: %s", flags, want)
		}
	}
	for _, c := range stages[1].Commands {
		switch c := c.(type) {
		case *instructions.CmdCommand:
			checkNoShell(t, c.ShellDependantCmdLine)
		case *instructions.EntrypointCommand:
			checkNoShell(t, c.ShellDependantCmdLine)
		case *instructions.RunCommand:
			t.Errorf("RUN %q: there is no shell in the image", c.CmdLine)
		}
	}
}

// checkNoShell wants a list of arguments: a line would be given to a shell, and there is none.
func checkNoShell(t *testing.T, c instructions.ShellDependantCmdLine) {
	t.Helper()
	if c.PrependShell {
		t.Errorf("%q asks for a shell: want a list, [\"%s\"]", c.CmdLine, strings.Join(c.CmdLine, `", "`))
	}
}

// buildImage does the steps of the Dockerfile in clean folders: those of the first stage
// with the shell of this machine (its paths /src, /out and /volume are folders of the
// test), then the copies into the image.
func buildImage(t *testing.T) *image {
	t.Helper()
	context := t.TempDir()
	if err := copySource(context); err != nil {
		t.Fatal(err)
	}
	stages := readDockerfile(t)
	s := &stage{folder: t.TempDir(), args: map[string]string{}}
	for _, c := range stages[0].Commands {
		s.do(t, context, c)
	}
	im := &image{dir: t.TempDir(), env: map[string]string{}}
	for _, c := range stages[1].Commands {
		im.do(t, s.folder, c)
	}
	return im
}

// A stage is the one that compiles.
type stage struct {
	folder, workdir string
	args            map[string]string
}

// inside are the folders of the stage; other absolute paths are those of this machine.
var inside = regexp.MustCompile(`(^|[\s"=])/(src|out|volume)\b`)

func (s *stage) do(t *testing.T, context string, c instructions.Command) {
	t.Helper()
	switch c := c.(type) {
	case *instructions.WorkdirCommand:
		s.workdir = filepath.Join(s.folder, c.Path)
		if err := os.MkdirAll(s.workdir, 0o755); err != nil {
			t.Fatal(err)
		}
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			s.args[a.Key] = map[string]string{"VERSION": version, "TARGETOS": runtime.GOOS, "TARGETARCH": runtime.GOARCH}[a.Key]
		}
	case *instructions.CopyCommand:
		s.copy(t, context, c)
	case *instructions.RunCommand:
		line := inside.ReplaceAllString(c.CmdLine[0], "${1}"+s.folder+"/${2}")
		var env []string
		for k, v := range s.args {
			env = append(env, k+"="+v)
		}
		must(t, s.workdir, env, "sh", "-c", line)
	default:
		t.Fatalf("the Dockerfile has %s in its first stage, which this test cannot do yet", c.Name())
	}
}

// copy copies from the build context, without what .dockerignore names.
func (s *stage) copy(t *testing.T, context string, c *instructions.CopyCommand) {
	t.Helper()
	f, err := os.Open(filepath.Join(context, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	patterns, err := ignorefile.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range c.SourcePaths {
		err := filepath.WalkDir(filepath.Join(context, from), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(context, p)
			if err != nil {
				return err
			}
			if out, err := ignored.MatchesOrParentMatches(name); err != nil || out {
				return err
			}
			return copyFile(p, filepath.Join(s.workdir, c.DestPath, name))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (im *image) do(t *testing.T, from string, c instructions.Command) {
	t.Helper()
	switch c := c.(type) {
	case *instructions.CopyCommand:
		if c.From != "build" || len(c.SourcePaths) != 1 {
			t.Fatalf("COPY --from=%s of %q: this test knows one path of the stage build", c.From, c.SourcePaths)
		}
		source, to := filepath.Join(from, c.SourcePaths[0]), filepath.Join(im.dir, c.DestPath)
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		must(t, im.dir, nil, "cp", "-a", source+"/.", to)
		if c.Chown != "" && os.Getuid() == 0 {
			must(t, im.dir, nil, "chown", "-R", c.Chown, to)
		}
	case *instructions.UserCommand:
		im.user = c.User
	case *instructions.VolumeCommand:
		im.volumes = c.Volumes
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			im.env[kv.Key] = kv.Value
		}
	case *instructions.ExposeCommand:
		im.ports = c.Ports
	case *instructions.HealthCheckCommand:
		im.health = c.Health.Test
	case *instructions.EntrypointCommand:
		im.command = slices.Concat(c.CmdLine, im.command)
	case *instructions.CmdCommand:
		im.command = slices.Concat(im.command, c.CmdLine)
	case *instructions.StopSignalCommand:
		if c.Signal != "SIGTERM" {
			t.Errorf("the stop signal is %s, and the broker drains at SIGTERM", c.Signal)
		}
	default:
		t.Fatalf("the Dockerfile has %s in its last stage, which this test cannot do yet", c.Name())
	}
}

// tree lists the files of the image, folders that are empty too.
func (im *image) tree(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(im.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(im.dir, p)
		if inner, err := os.ReadDir(p); !d.IsDir() || err == nil && len(inner) == 0 {
			list = append(list, path.Join("/", filepath.ToSlash(name)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// environ is the environment of a container, with changes.
func (im *image) environ(changes map[string]string) []string {
	all := maps.Clone(im.env)
	maps.Copy(all, changes)
	var list []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		list = append(list, k+"="+all[k])
	}
	return list
}

// numbers are the user and the group, which have to be numbers: there is no /etc/passwd.
func (im *image) numbers(t *testing.T) (uid, gid uint32) {
	t.Helper()
	if _, err := fmt.Sscanf(im.user, "%d:%d", &uid, &gid); err != nil || uid == 0 || gid == 0 {
		t.Fatalf("the user is %q, want numbers that are not root's", im.user)
	}
	return uid, gid
}

// healthCommand is what HEALTHCHECK runs, without a shell: there is none.
func (im *image) healthCommand(t *testing.T) []string {
	t.Helper()
	if len(im.health) < 2 || im.health[0] != "CMD" {
		t.Fatalf("the health check is %q, want CMD and a program", im.health)
	}
	return im.health[1:]
}

// inImage is a command as in a container: root directory, user, environment, and nothing
// else from this machine. Without root's rights it runs where it is, as who it is, and
// /data is the folder itself.
func (im *image) inImage(t *testing.T, changes map[string]string, command ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(im.dir, command[0]), command[1:]...)
	changes = maps.Clone(changes)
	uid, gid := im.numbers(t)
	if !enter(cmd, im.dir, command[0], uid, gid) {
		changes["GRIDMQ_DATA"] = filepath.Join(im.dir, "data")
	}
	cmd.Env = im.environ(changes)
	return cmd
}

// TestImage: the Dockerfile's steps give an image with nothing in it but what it needs, whose
// broker runs as nobody, is healthy, and is reached on the ports that are published.
func TestImage(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("an image is for Linux")
	}
	im := buildImage(t)
	want := []string{"/data", "/etc/ssl/certs/ca-certificates.crt", "/usr/bin/gridmq", "/usr/share/doc/gridmq/LICENSE"}
	if got := im.tree(t); !slices.Equal(got, want) {
		t.Fatalf("in the image are %q, want %q", got, want)
	}
	checkStatic(t, filepath.Join(im.dir, "usr/bin/gridmq"))
	if !slices.Equal(im.volumes, []string{"/data"}) || im.env["GRIDMQ_DATA"] != "/data" {
		t.Errorf("volumes are %q and data is in %q, want /data", im.volumes, im.env["GRIDMQ_DATA"])
	}
	// The root directory is the image's in a container; here it is a folder of the test.
	if err := os.Chmod(im.dir, 0o755); err != nil {
		t.Fatal(err)
	}

	// Other ports than the published ones, which may be taken here; all else as it is.
	variables := map[string]string{"8883": "GRIDMQ_LISTENERS_MQTTS_ADDRESS", "8443": "GRIDMQ_LISTENERS_WSS_ADDRESS",
		"9443": "GRIDMQ_MANAGEMENT_ADDRESS", "9464": "GRIDMQ_OPERATIONS_ADDRESS"}
	changes, port := map[string]string{}, map[string]string{}
	for _, p := range im.ports {
		if set := im.env[variables[p]]; set != "" && set != ":"+p {
			t.Errorf("%s is %q, want every address and the published port %s", variables[p], set, p)
		}
		port[p] = freePort(t)
		changes[variables[p]] = ":" + port[p]
	}
	if len(changes) != len(variables) {
		t.Fatalf("published are %q, want %q", im.ports, slices.Sorted(maps.Keys(variables)))
	}
	data := filepath.Join(im.dir, "data")
	b := startBroker(t, im.inImage(t, changes, append(im.command, "--quickstart")...), data)

	// What Docker does for a published port: it comes from another address than loopback.
	host := outerAddress(t)
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if status := get(t, "http://"+host+":"+port["9464"]+path, nil); status != 200 {
			t.Errorf("GET %s from outside: %d, want 200", path, status)
		}
	}
	ca := filepath.Join(data, "tls", "ca.pem")
	if status := get(t, "https://"+host+":"+port["9443"]+"/subscriptions", trust(t, ca)); status != 401 {
		t.Errorf("management without a token from outside: %d, want 401", status)
	}
	b.program = filepath.Join(im.dir, "usr/bin/gridmq")
	who := func(name string) []string {
		return places(host+":"+port["8883"], "--servername", "localhost", "--cafile", ca, "-i", name,
			"--cert", filepath.Join(data, "quickstart", name+".pem"), "--key", filepath.Join(data, "quickstart", name+".key"))
	}
	b.roundTrip(t, "machines/press-1/telemetry", who("press-1"), who("console"))

	for _, command := range [][]string{im.healthCommand(t), append(im.healthCommand(t), "--live")} {
		if out, err := im.inImage(t, changes, command...).CombinedOutput(); err != nil || string(out) != "ready\n" {
			t.Errorf("the health check %q prints %q, %v", command, out, err)
		}
	}
	changes["GRIDMQ_OPERATIONS_ADDRESS"] = ":" + freePort(t)
	if out, err := im.inImage(t, changes, im.healthCommand(t)...).CombinedOutput(); err == nil {
		t.Errorf("the health check where nobody listens prints %q and is content", out)
	}
}
