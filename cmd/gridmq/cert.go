package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gridmq/internal/authority"
)

func newCertCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cert",
		Short: "Make certificate authorities and certificates for tests, and look at them",
		Long: `Make certificate authorities and certificates for tests and trials: ECDSA P-256, in
PEM files. Keys are not encrypted and are readable by their owner only. Nothing is
written over unless --force says so.

For production ask your own PKI for certificates; the broker takes those of any.`,
		Example: `  gridmq cert ca --out ca --name "Plant CA"
  gridmq cert client --ca ca --name press-07
  gridmq cert server --ca ca --host broker.plant.example,10.0.0.5
  gridmq cert show press-07.pem`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCertCACmd(), newCertClientCmd(), newCertServerCmd(), newCertShowCmd())
	return cmd
}

// certFlags are what all commands that make a certificate have.
type certFlags struct {
	ca           string
	out          string
	organization []string
	days         int
	force        bool
}

func (c *certFlags) register(f *pflag.FlagSet, days time.Duration) {
	f.StringSliceVar(&c.organization, "organization", nil, "`organization` in the subject")
	f.IntVar(&c.days, "days", int(days/day), "how many `days` it is valid, at most as long as its CA")
	f.BoolVar(&c.force, "force", false, "write over files that are there")
}

const day = 24 * time.Hour

func (c *certFlags) life() (time.Duration, error) {
	const most = 100 * 365
	if c.days < 1 || c.days > most {
		return 0, fmt.Errorf("--days %d: want 1 to %d", c.days, most)
	}
	return time.Duration(c.days) * day, nil
}

// issuer reads the CA that is to sign.
func (c *certFlags) issuer() (*authority.Authority, error) {
	if c.ca == "" {
		return nil, errors.New("--ca is needed: the directory of the CA that signs")
	}
	ca, err := authority.Load(c.ca)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w\n  make one with gridmq cert ca --out %s", err, c.ca)
	}
	return ca, err
}

// saved explains why nothing was written over.
func saved(err error) error {
	if _, exists := errors.AsType[*authority.ExistsError](err); exists {
		return fmt.Errorf("%w\n  choose another --out, or replace it with --force", err)
	}
	return err
}

// told says what was written, on standard error; standard output has the
// thumbprint alone, for scripts.
func told(cmd *cobra.Command, c *x509.Certificate, files ...string) {
	stderr := cmd.ErrOrStderr()
	fmt.Fprintf(stderr, "wrote %s, valid until %s\n", strings.Join(files, ", "), c.NotAfter.UTC().Format(time.DateOnly))
	fmt.Fprintln(cmd.OutOrStdout(), authority.Thumbprint(c))
}

func newCertCACmd() *cobra.Command {
	var c certFlags
	var name string
	var below int
	cmd := &cobra.Command{
		Use:   "ca --out DIR",
		Short: "Make a certificate authority, with --ca one below another",
		Long: `Make a certificate authority: ca.pem, its certificate, and ca-key.pem, its key. With
--ca it is an intermediate below that one, and chain.pem has its certificate and
those above it without the root.

Standard output has the SHA-256 thumbprint. Clients of this CA are let in once a
namespace has ca.pem as a CA certificate; see the examples of gridmq apply.`,
		Example: `  gridmq cert ca --out ca --name "Plant CA"
  gridmq cert ca --out hall-4 --ca ca --name "Hall 4"     # below the first
  gridmq cert ca --out edge --path-length 0               # allows no CA below it`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.out == "" {
				return errors.New("--out is needed: the directory of the new CA")
			}
			life, err := c.life()
			if err != nil {
				return err
			}
			if c.ca != "" && cmd.Flags().Changed("path-length") {
				return errors.New("--path-length is for a root: an intermediate has one less than its CA")
			}
			o := authority.CAOptions{Name: name, Organization: c.organization, Life: life, Below: below}
			ca, err := c.newCA(o)
			if err != nil {
				return err
			}
			if err := ca.Save(c.out, c.force); err != nil {
				return saved(err)
			}
			files := []string{filepath.Join(c.out, authority.CertFile), filepath.Join(c.out, authority.KeyFile)}
			if c.ca != "" {
				files = append(files, filepath.Join(c.out, authority.ChainFile))
			}
			told(cmd, ca.Certificate, files...)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.out, "out", "", "`directory` for the files")
	f.StringVar(&c.ca, "ca", "", "`directory` of the CA above it (default: it is a root)")
	f.StringVar(&name, "name", "GridMQ test CA", "common `name`")
	f.IntVar(&below, "path-length", 1, "how many `levels` of CAs may come below a root")
	c.register(f, authority.CALife)
	return cmd
}

func (c *certFlags) newCA(o authority.CAOptions) (*authority.Authority, error) {
	if c.ca == "" {
		return authority.NewCA(o)
	}
	above, err := c.issuer()
	if err != nil {
		return nil, err
	}
	return above.NewIntermediate(o)
}
