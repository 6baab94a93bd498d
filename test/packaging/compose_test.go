package packaging

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"gopkg.in/yaml.v3"
)

// TestCompose: the compose file fits the image: ports, health check, volume; management and
// metrics are for the machine itself; nothing in it is secret.
func TestCompose(t *testing.T) {
	dir := filepath.Join(root(), "packaging", "compose")
	text, err := os.ReadFile(filepath.Join(dir, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// Only what the compose specification has, of that which we use: another key is an error.
	var file struct {
		Name     string
		Services map[string]struct {
			Image string
			Build struct {
				Context string
				Args    map[string]string
			}
			Environment map[string]string
			Ports       []string
			Volumes     []string
			ReadOnly    bool     `yaml:"read_only"`
			CapDrop     []string `yaml:"cap_drop"`
			SecurityOpt []string `yaml:"security_opt"`
			Ulimits     map[string]int
			Healthcheck struct {
				Test              []string
				Interval, Timeout string
				StartPeriod       string `yaml:"start_period"`
				Retries           int
			}
			StopGracePeriod string `yaml:"stop_grace_period"`
			Restart         string
		}
		Volumes map[string]struct{}
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	s := file.Services["gridmq"]
	if _, err := os.Stat(filepath.Join(dir, s.Build.Context, "Dockerfile")); err != nil {
		t.Errorf("build context: %v", err)
	}
	var ports, health []string
	for _, c := range readDockerfile(t)[1].Commands {
		switch c := c.(type) {
		case *instructions.ExposeCommand:
			ports = c.Ports
		case *instructions.HealthCheckCommand:
			health = c.Health.Test
		}
	}
	if !slices.Equal(s.Healthcheck.Test, health) {
		t.Errorf("the health check is %q, and the image's %q", s.Healthcheck.Test, health)
	}
	for _, p := range s.Ports {
		parts := strings.Split(p, ":")
		inner := parts[len(parts)-1]
		if !slices.Contains(ports, inner) {
			t.Errorf("port %s is not one of the image's, %q", p, ports)
		}
		if near := len(parts) == 3 && parts[0] == "127.0.0.1"; near != (inner == "9443" || inner == "9464") {
			t.Errorf("port %s: management and operations are for this machine, the others for all", p)
		}
	}
	if len(s.Ports) != len(ports) || !slices.Equal(s.Volumes, []string{"data:/data"}) || !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) {
		t.Errorf("ports %q, volumes %q, read_only %v, cap_drop %q", s.Ports, s.Volumes, s.ReadOnly, s.CapDrop)
	}
	if _, declared := file.Volumes["data"]; !declared {
		t.Error("the volume data is not declared")
	}
}
