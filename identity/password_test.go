package identity

import (
	"strings"
	"testing"
)

func TestGeneratedPasswordsCostLittle(t *testing.T) {
	p := GeneratePassword()
	changed := p[:10] + strings.Map(func(r rune) rune { return r ^ 1 }, p[10:11]) + p[11:]
	tests := map[string]struct {
		plain string
		cheap bool
	}{
		"generated":       {p, true},
		"one bit changed": {changed, false},
		"cut":             {p[:len(p)-1], false},
		"prefix only":     {"gmq_", false},
		"chosen":          {"open sesame", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := string(HashPassword([]byte(test.plain)))
			if got := strings.Contains(h, "m=64,t=1,p=1"); got != test.cheap || !test.cheap && !strings.Contains(h, "m=19456,t=2,p=1") {
				t.Errorf("hash of %q: %s", test.plain, h)
			}
			if err := CheckPasswordHash(PasswordHash(h)); err != nil {
				t.Error(err)
			}
		})
	}
	if GeneratePassword() == p {
		t.Error("the same password twice")
	}
}
