package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gridmq/internal/authority"
)

func newCertShowCmd() *cobra.Command {
	var asPEM bool
	cmd := &cobra.Command{
		Use:   "show FILE...",
		Short: "Show subject, alternative names, validity and thumbprints of certificates",
		Long: `Show what the broker looks at in certificates: subject, alternative names, validity
and thumbprints. Files are PEM, with any number of certificates, or DER.

With --pem the certificates themselves, which is how they get out of a container that
has no other program.`,
		Example: `  gridmq cert show press-07.pem
  gridmq cert show data/tls/ca.pem

  docker compose exec gridmq gridmq cert show --pem /data/tls/ca.pem > ca.pem`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			for i, file := range files {
				list, err := authority.ReadCertificates(file)
				if err != nil {
					return err
				}
				for j, c := range list {
					if asPEM {
						if err := pem.Encode(cmd.OutOrStdout(), &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
							return err
						}
						continue
					}
					if i+j > 0 {
						fmt.Fprintln(cmd.OutOrStdout())
					}
					showCertificate(cmd.OutOrStdout(), c, time.Now())
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asPEM, "pem", false, "print the certificates themselves")
	return cmd
}

func showCertificate(w io.Writer, c *x509.Certificate, now time.Time) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-11s %s\n", name, value)
		}
	}
	line("subject", c.Subject.String())
	line("issuer", c.Issuer.String())
	for _, n := range c.DNSNames {
		line("DNS", n)
	}
	for _, u := range c.URIs {
		line("URI", u.String())
	}
	for _, ip := range c.IPAddresses {
		line("IP", ip.String())
	}
	for _, e := range c.EmailAddresses {
		line("e-mail", e)
	}
	line("valid", validity(c, now))
	line("CA", authorityText(c))
	line("for", uses(c))
	line("key", keyText(c))
	line("serial", c.SerialNumber.Text(16))
	line("thumbprint", authority.Thumbprint(c)+" (SHA-256)")
	line("thumbprint", authority.ShortThumbprint(c)+" (SHA-1)")
}

func validity(c *x509.Certificate, now time.Time) string {
	text := c.NotBefore.UTC().Format(time.RFC3339) + " to " + c.NotAfter.UTC().Format(time.RFC3339)
	switch left := c.NotAfter.Sub(now); {
	case left < 0:
		return text + ", EXPIRED"
	case now.Before(c.NotBefore):
		return text + ", NOT YET VALID"
	default:
		return fmt.Sprintf("%s, %d more days", text, left/day)
	}
}

func authorityText(c *x509.Certificate) string {
	switch {
	case !c.IsCA:
		return "no"
	case c.MaxPathLen > 0 || c.MaxPathLenZero:
		return fmt.Sprintf("yes, path length %d", c.MaxPathLen)
	}
	return "yes, any path length"
}

func uses(c *x509.Certificate) string {
	names := map[x509.ExtKeyUsage]string{x509.ExtKeyUsageClientAuth: "clients", x509.ExtKeyUsageServerAuth: "servers", x509.ExtKeyUsageAny: "anything"}
	var list []string
	for _, u := range c.ExtKeyUsage {
		if n := names[u]; n != "" {
			list = append(list, n)
		}
	}
	return strings.Join(list, ", ")
}

func keyText(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return "EC " + k.Curve.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}
