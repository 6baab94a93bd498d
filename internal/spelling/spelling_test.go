package spelling

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"permissionBindings", "clients", "clientGroups"}
	tests := map[string]struct {
		word  string
		limit int
		want  string
	}{
		"the same":             {"clients", 3, "clients"},
		"another case":         {"CLIENTS", 3, "clients"},
		"a letter less":        {"client", 3, "clients"},
		"two letters swapped":  {"cleints", 3, "clients"},
		"too far":              {"cameras", 3, ""},
		"at the limit":         {"cliXXXs", 3, ""},
		"longer than any word": {strings.Repeat("c", 10_000), 20_000, ""},
		"nothing was said":     {"", 3, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Nearest(tt.word, known, tt.limit); got != tt.want {
				t.Errorf("Nearest(%.20q) = %q, want %q", tt.word, got, tt.want)
			}
		})
	}
}
