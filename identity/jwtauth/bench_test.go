package jwtauth

import "testing"

// BenchmarkAuthenticate is what one CONNECT with a token costs once the keys are
// there; "refused" is a token of the wrong audience, which costs no signature.
func BenchmarkAuthenticate(b *testing.B) {
	keys := FixedKeys{{Public: rsaKey().Public()}, {Public: p256Key().Public()}, {Public: edKey().Public()}}
	c, _ := NewCustom(CustomConfig{Issuers: []Issuer{{Name: testIssuer, Keys: keys}}})
	for name, token := range map[string]string{
		"RS256":   good("hall", 4, "kind", "press"),
		"ES256":   sign(p256Key(), "ES256", head("ES256"), body("hall", 4, "kind", "press")),
		"EdDSA":   sign(edKey(), "EdDSA", head("EdDSA"), body("hall", 4, "kind", "press")),
		"refused": good("aud", "other"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			cr := bring(MethodCustom, token)
			for b.Loop() {
				if _, err := c.Authenticate(b.Context(), cr); (err == nil) != (name != "refused") {
					b.Fatal(err)
				}
			}
		})
	}
}
