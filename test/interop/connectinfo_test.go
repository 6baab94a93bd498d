package interop

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	manage "gridmq/control/client"
)

// A pasted is a user who pastes what gridmq connect-info prints.
type pasted struct {
	*testing.T
	data string // of the broker
	dir  string // where the user is
	env  []string
}

func newPasted(t *testing.T, b *broker) *pasted {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(path, filepath.Join(dir, "gridmq")); err != nil {
		t.Fatal(err)
	}
	return &pasted{t, filepath.Dir(filepath.Dir(b.CA)), dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))}
}

// info is what gridmq connect-info prints.
func (p *pasted) info(flags ...string) string {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), filepath.Join(p.dir, "gridmq"), append([]string{"connect-info", "--data", p.data}, flags...)...)
	cmd.Env = p.env
	var failed strings.Builder
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		p.Fatalf("gridmq connect-info %q: %v\n%s", flags, err, failed.String())
	}
	return string(out)
}

// bash runs lines of the shell and returns what they print.
func (p *pasted) bash(dir, lines string) string {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", lines)
	cmd.Dir, cmd.Env = dir, p.env
	var failed strings.Builder
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		p.Fatalf("%v\n%s\n%s", err, failed.String(), lines)
	}
	return string(out)
}

// code writes the code part into a file of the user's folder.
func (p *pasted) code(name string, flags ...string) string {
	p.Helper()
	file := filepath.Join(p.dir, name)
	if err := os.WriteFile(file, []byte(p.info(append(flags, "--part", "code")...)), 0o600); err != nil {
		p.Fatal(err)
	}
	return file
}

// What connect-info prints for Go and JavaScript is run as it is printed: the event comes
// back. No key is in it.
func TestConnectInfoEvents(t *testing.T) {
	t.Parallel()
	b := start(t, "--quickstart")
	key, _, err := b.plane(t).Keys(t.Context(), manage.Place{}.ID("quickstart"))
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	const want = "try.hello {\"hello\":\"world\"}\n"
	t.Run("go", func(t *testing.T) {
		p := newPasted(t, b)
		file := p.code("main.go", "--for", "go")
		if out := p.bash(here, p.info("--for", "go", "--part", "env")+"go run "+file); out != want { // this module has the SDK
			t.Errorf("printed %q", out)
		}
	})
	t.Run("js", func(t *testing.T) {
		nodeWith(t, "@azure", "eventgrid-namespaces")
		p := newPasted(t, b)
		if err := os.Symlink(filepath.Join(here, "javascript", "node_modules"), filepath.Join(p.dir, "node_modules")); err != nil {
			t.Fatal(err)
		}
		p.code("main.mjs", "--for", "js")
		if out := p.bash(p.dir, p.info("--for", "js", "--part", "env")+"node main.mjs"); out != want {
			t.Errorf("printed %q", out)
		}
	})
	p := newPasted(t, b)
	for _, kind := range []string{"az", "dotnet", "go", "java", "js", "mqtt", "python", "terraform"} {
		if strings.Contains(p.info("--for", kind), key) {
			t.Errorf("%s: the access key is in what is printed", kind)
		}
	}
	if !strings.Contains(p.info("--for", "go", "--show-keys"), "EVENTGRID_KEY="+key) {
		t.Error("--show-keys shows none")
	}
	// Beside a namespace that this machine's name leads to, another one is reached.
	env := p.info("--for", "go", "-n", "default", "--part", "env")
	endpoint, theirs, _ := strings.Cut(p.bash(p.dir, env+`printf '%s\n' "$EVENTGRID_ENDPOINT" "$EVENTGRID_KEY"`), "\n")
	plain := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: b.roots}}, Timeout: patience}
	t.Cleanup(plain.CloseIdleConnections)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint+"/topics/none:publish?api-version=2024-06-01",
		strings.NewReader(`{"specversion":"1.0","id":"1","source":"/try","type":"try.hello"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "SharedAccessKey "+strings.TrimSpace(theirs))
	r.Header.Set("Content-Type", "application/cloudevents+json")
	answer, err := plain.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusGone { // let in, and there is no such topic
		t.Errorf("the namespace default answers %s", answer.Status)
	}
}

// The lines for mosquitto's clients: one hears what the other says.
func TestConnectInfoMQTT(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"mosquitto_pub", "mosquitto_sub"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip("needs Debian's mosquitto-clients: make tools installs them")
		}
	}
	p := newPasted(t, start(t, "--quickstart"))
	lines := strings.Split(strings.TrimSpace(p.info("--for", "mqtt", "--client", "console", "--part", "code")), "\n")
	if len(lines) != 2 {
		t.Fatalf("%q", lines)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sub := exec.CommandContext(ctx, "bash", "-c", "exec "+lines[0]+" -C 1")
	sub.Env = p.env
	out := new(journal)
	sub.Stdout, sub.Stderr = out, out
	if err := sub.Start(); err != nil {
		t.Fatal(err)
	}
	heard := make(chan error, 1)
	go func() { heard <- sub.Wait() }() // ends with the process
	for {                               // what is published before it has subscribed, it does not hear
		p.bash(p.dir, lines[1])
		select {
		case err := <-heard:
			if err != nil || out.String() != "machines/test/telemetry hello\n" {
				t.Errorf("%v, heard %q", err, out)
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// The lines for az, as they are printed.
func TestConnectInfoAz(t *testing.T) {
	t.Parallel()
	secret, hash := appSecret(t)
	var flags []string
	for name, value := range map[string]string{"client_id": "robot", "object_id": "object-of-robot", "secret_hashes": hash} {
		flags = append(flags, "--set", "tokens.apps.robot."+name+"="+value)
	}
	b := start(t, append(flags, "--quickstart")...)
	const contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	body := fmt.Sprintf(`{"properties":{"principalId":"object-of-robot","roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/%s"}}`, contributor)
	if _, _, _, err := b.plane(t).Put(t.Context(), "/providers/Microsoft.Authorization/roleAssignments/robot", []byte(body), manage.Condition{}); err != nil {
		t.Fatal(err)
	}
	p := newPasted(t, b)
	p.env = append(newCLI(t, b.CA).env, "AZURE_CLIENT_SECRET="+secret)
	out := strings.TrimSpace(p.bash(p.dir, p.info("--for", "az")))
	key, _, err := b.plane(t).Keys(t.Context(), manage.Place{}.ID("quickstart"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, `"name": "quickstart"`) || !strings.HasSuffix(out, key) {
		t.Errorf("az printed %s", out)
	}
}
