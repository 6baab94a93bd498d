package packaging

import (
	"path/filepath"
	"sync"
	"testing"
)

// pair is a certificate with its key, made once by the binary's own command.
var pair = sync.OnceValues(func() (string, error) {
	dir, err := unpacked()
	if err != nil {
		return "", err
	}
	_, err = run(scratch, nil, filepath.Join(dir, "gridmq"), "cert", "ca", "--out", filepath.Join(scratch, "pair"), "--name", "pair")
	return filepath.Join(scratch, "pair"), err
})

func ownCertificate(t *testing.T) string { return pairFile(t, "ca.pem") }
func ownKey(t *testing.T) string         { return pairFile(t, "ca-key.pem") }

func pairFile(t *testing.T, name string) string {
	t.Helper()
	dir, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}
