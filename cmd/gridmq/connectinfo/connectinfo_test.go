package connectinfo

import (
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hostile has in every member what would do something in a shell.
const hostile = "a'b\"; touch owned; $(touch owned) `touch owned`\ntouch owned\n${HOME}"

func hostileInfo() Info {
	return Info{Namespace: hostile, ID: "/subscriptions/" + hostile, Management: hostile, Endpoint: hostile, Topic: hostile, Subscription: hostile,
		MissingTopic: true, Key: hostile, Host: hostile, Port: "8883", Client: hostile, Cert: hostile, CertKey: hostile, Publish: hostile,
		Subscribe: hostile, CA: hostile, App: hostile, Notes: []string{hostile}}
}

func write(t *testing.T, language string, part Part, info Info) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, language, part, info); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whatever names and addresses have in them stays a word.
func TestNothingIsRun(t *testing.T) {
	for _, language := range Languages() {
		t.Run(language, func(t *testing.T) {
			dir := t.TempDir()
			// Commands that are meant are there, and do nothing.
			script := "az() { :; }; keytool() { :; }; mosquitto_pub() { :; }; mosquitto_sub() { :; }\nAZURE_CLIENT_SECRET=x ARM_CLIENT_SECRET=x\n" +
				write(t, language, Env, hostileInfo())
			if languages[language] == "" {
				script += write(t, language, Code, hostileInfo())
			}
			script += "\nprintf '%s' \"${EVENTGRID_ENDPOINT-none}\"\n"
			cmd := exec.Command("sh", "-eu", "-c", script)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, out, script)
			}
			if want := string(out); want != hostile && want != "none" {
				t.Errorf("the endpoint became %q", want)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("something ran:\n%s", script)
			}
		})
	}
}

// A key is written only where there is one; else it is asked for.
func TestKeys(t *testing.T) {
	for _, language := range []string{"go", "js", "python", "dotnet", "java"} {
		hidden, shown := Info{KeyCommand: "gridmq connect-info --for key"}, Info{Key: "c2VjcmV0"}
		if text := write(t, language, All, hidden); !strings.Contains(text, `EVENTGRID_KEY="$(gridmq connect-info --for key)"`) {
			t.Errorf("%s: %s", language, text)
		}
		if text := write(t, language, All, shown); strings.Count(text, "c2VjcmV0") != 1 {
			t.Errorf("%s: %s", language, text)
		}
	}
}

// The form of what is not run by test/interop.
func TestForm(t *testing.T) {
	info := Info{Namespace: "plant", ID: "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/plant", Management: "https://localhost:9443",
		Endpoint: "https://localhost:8443/ns/plant", Topic: "orders", Subscription: "billing", CA: "/data/tls/ca.pem", App: "robot"}
	for language, wants := range map[string][]string{
		"python":    {`EventGridPublisherClient(endpoint, key, namespace_topic=topic)`, `os.environ["EVENTGRID_KEY"]`},
		"dotnet":    {"new EventGridSenderClient(endpoint, topic, key)", `Variable("EVENTGRID_KEY")`},
		"java":      {"new EventGridSenderClientBuilder()", `System.getenv("EVENTGRID_KEY")`},
		"terraform": {`subscription_id            = "s"`, `resource_manager_endpoint       = "https://localhost:9443"`},
	} {
		code := write(t, language, Code, info)
		for _, want := range wants {
			if !strings.Contains(code, want) {
				t.Errorf("%s: no %s in\n%s", language, want, code)
			}
		}
		for _, pair := range []string{"()", "{}", "[]"} {
			if open, closed := strings.Count(code, pair[:1]), strings.Count(code, pair[1:]); open != closed {
				t.Errorf("%s: %d %s and %d %s", language, open, pair[:1], closed, pair[1:])
			}
		}
		if strings.Contains(code, "<no value>") || strings.Contains(code, "{{") {
			t.Errorf("%s: a template is left in\n%s", language, code)
		}
	}
	code := write(t, "go", Code, info)
	if formatted, err := format.Source([]byte(code)); err != nil || string(formatted) != code {
		t.Errorf("gofmt: %v", err)
	}
	if python, err := exec.LookPath("python3"); err == nil {
		file := filepath.Join(t.TempDir(), "main.py")
		if err := os.WriteFile(file, []byte(write(t, "python", Code, info)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(python, "-c", "import ast,sys; ast.parse(open(sys.argv[1]).read())", file).CombinedOutput(); err != nil {
			t.Errorf("python: %v\n%s", err, out)
		}
	}
}

// What is asked for that there is not is refused.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		language string
		part     Part
	}{{"cobol", All}, {"", All}, {"go", "half"}, {"../go", All}} {
		var b strings.Builder
		if err := Write(&b, c.language, c.part, Info{}); err == nil || b.Len() > 0 {
			t.Errorf("%q, %q: %v, %q", c.language, c.part, err, b.String())
		}
	}
	if !slices.IsSorted(Languages()) {
		t.Error("the kinds are not in order")
	}
}
