package manifest

import (
	"encoding/pem"
	"fmt"

	"gridmq/internal/authority"
)

// readCertificate reads the file of one certificate.
func readCertificate(path string) (string, error) {
	list, err := authority.ReadCertificates(path)
	if err != nil {
		return "", err
	}
	if len(list) > 1 {
		return "", fmt.Errorf("%s has %d certificates: want one", path, len(list))
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: list[0].Raw})), nil
}
