package server

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"gridmq/internal/settings"
)

// envPrefix begins the name of every environment variable that sets something.
const envPrefix = "GRIDMQ"

// FileVariable is the environment variable that names the file itself.
const FileVariable = envPrefix + "_CONFIG"

// othersVariables begin like settings and are none: those of the commands.
var othersVariables = []string{FileVariable, envPrefix + "_TOKEN", envPrefix + "_PASSWORD"}

// Sources are where a configuration is read from: later ones win.
type Sources struct {
	File    string       // may be empty
	Environ []string     // as os.Environ gives it
	Flags   []Assignment // in order
}

// An Assignment is a flag: the path it sets and how the user spelled it.
type Assignment struct {
	Flag, Path, Value string
}

// Load reads and checks a configuration. The error is settings.Problems, or
// that the file could not be read. warnings are worth a line in the log.
func (s Sources) Load() (c Config, warnings []string, err error) {
	var text []byte
	if s.File != "" {
		if text, err = os.ReadFile(s.File); err != nil {
			return c, nil, fmt.Errorf("read the configuration: %w", err)
		}
	}
	c = Default()
	loader, unknown := s.fill(&c, text)
	if c.Dev.Enabled { // dev has other defaults beneath the same settings
		quickstart := c.Quickstart.Enabled
		c = DefaultDev()
		if quickstart {
			c.leadTo(QuickstartNamespace)
		}
		loader, unknown = s.fill(&c, text)
	}
	check(&c, loader)
	unknown = slices.DeleteFunc(unknown, func(name string) bool { return slices.Contains(othersVariables, name) })
	if len(unknown) > 0 {
		warnings = append(warnings, "environment variables that set nothing: "+strings.Join(unknown, ", "))
	}
	return c, warnings, loader.Err()
}

func (s Sources) fill(c *Config, text []byte) (l *settings.Loader, unknown []string) {
	l = settings.New(c)
	l.YAML(s.File, bytes.NewReader(text))
	unknown = l.Environ(envPrefix, s.Environ)
	for _, f := range s.Flags {
		l.Set(f.Flag, f.Path, f.Value)
	}
	return l, unknown
}
