package behaviour

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	manage "gridmq/control/client"
	"gridmq/server"
)

// What is exported from one broker and imported into another behaves as it did: every
// behaviour of a fleet is seen at a namespace that has been moved, too.

// A move takes a fleet's namespace to another broker, by gridmq export and gridmq import,
// before the first client connects. What is changed after that is changed there.
type move struct {
	done  bool
	house *house
	plane *manage.Client
}

// imported runs a behaviour with a fleet that moves: one row, chosen by the behaviour's
// name.
func imported(t *testing.T, body func(f *fleet), versions ...int) {
	rows := securedRows(t.Name()+" imported", versions...)
	t.Run("imported-"+rows[0].String(), func(t *testing.T) {
		t.Parallel()
		e := &env{T: t, row: rows[0], prefix: fmt.Sprintf("%s-%d", strings.TrimPrefix(strings.ReplaceAll(t.Name(), "/", "-"), "Test"), runs.Add(1))}
		h, err := fleetHouse(e.engine)
		if err != nil {
			e.Fatalf("start the broker: %v", err)
		}
		e.house = h
		f := newFleet(e)
		f.move = &move{}
		body(f)
	})
}

// arrive moves the namespace, if it has to.
func (f *fleet) arrive() {
	f.Helper()
	if f.move == nil {
		return
	}
	if !f.move.done {
		f.leaveFor()
	}
	f.follow()
}

// follow lets the fleet speak to where its namespace is.
func (f *fleet) follow() {
	if f.move != nil && f.move.done {
		f.house, f.plane = f.move.house, f.move.plane
	}
}

func (f *fleet) leaveFor() {
	f.Helper()
	next, err := movedHouse(f.engine)
	if err != nil {
		f.Fatalf("start the broker: %v", err)
	}
	file := filepath.Join(f.TempDir(), "namespace.json")
	f.gridmq(f.house, "export", "-n", f.ns, "--format", "arm", "-O", file)
	said := f.gridmq(next, "import", "azure", file)
	if strings.Contains(said, "not imported") {
		f.Fatalf("import: %s", said)
	}
	there := *f.env
	there.house = next
	f.move.done, f.move.house, f.move.plane = true, next, planeOf(&there)
	if _, err := f.plane.Delete(f.Context(), fleets.ID(f.ns), manage.Condition{}); err != nil {
		f.Fatal(err)
	}
}

// movedHouse is a broker that namespaces move to, and nothing else is in.
func movedHouse(engine string) (*house, error) {
	key := engine + ", with fleets that have moved"
	shared.Lock()
	defer shared.Unlock()
	if h := shared.houses[key]; h != nil {
		return h, nil
	}
	h, err := newHouse(engine, fleetSettings()...)
	if err == nil {
		shared.houses[key] = h
	}
	return h, err
}

// program builds the command line once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "gridmq")
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "./cmd/gridmq")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as the release is
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build gridmq: %v\n%s", err, out)
	}
	return path, nil
})

// gridmq runs the command line before a broker.
func (f *fleet) gridmq(at *house, args ...string) string {
	f.Helper()
	path, err := program()
	if err != nil {
		f.Fatal(err)
	}
	ca, err := localCA()
	if err != nil {
		f.Fatal(err)
	}
	cmd := exec.CommandContext(f.Context(), path, append(args, "--server", at.addresses["management"].URL, "--ca", ca.CertFile,
		"--token-file", filepath.Join(at.dir, "data", server.TokenFile))...)
	cmd.Env = append(os.Environ(), "GRIDMQ_TOKEN=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.Fatalf("gridmq %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
