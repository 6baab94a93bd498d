package main

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"gridmq/internal/authority"
)

func newCertClientCmd() *cobra.Command {
	var c certFlags
	var o authority.LeafOptions
	cmd := &cobra.Command{
		Use:   "client --ca DIR --name NAME",
		Short: "Make the certificate of a client",
		Long: `Make the certificate of a client: NAME.pem, with the intermediates that it needs, and
NAME-key.pem.

Standard output has the SHA-256 thumbprint, for clients with the validation scheme
ThumbprintMatch. The other schemes compare the authentication name with the common
name (--name), or with an alternative name: --dns, --uri, --ip or --email.`,
		Example: `  gridmq cert client --ca ca --name press-07
  gridmq cert client --ca ca --name press-07 --dns press-07.plant.example --uri urn:press:07
  gridmq cert client --ca ca --name press-07 --days 7 --force     # another one, for a week

  gridmq pub --cafile data/tls/ca.pem --cert press-07.pem --key press-07-key.pem -u press-07 -t a -m b`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Name == "" {
				return errors.New("--name is needed: the common name, and that of the files")
			}
			return c.leaf(cmd, o, func(ca *authority.Authority, o authority.LeafOptions) (*authority.Pair, error) {
				return ca.NewClient(o)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.ca, "ca", "", "`directory` of the CA that signs")
	f.StringVar(&c.out, "out", ".", "`directory` for the files")
	f.StringVar(&o.Name, "name", "", "common `name`, usually the authentication name")
	f.StringSliceVar(&o.DNS, "dns", nil, "alternative `name` of the kind DNS; may be repeated")
	f.StringSliceVar(&o.URI, "uri", nil, "alternative `name` of the kind URI; may be repeated")
	f.StringSliceVar(&o.IP, "ip", nil, "alternative name of the kind IP `address`; may be repeated")
	f.StringSliceVar(&o.Email, "email", nil, "alternative name of the kind e-mail `address`; may be repeated")
	c.register(f, authority.ClientLife)
	return cmd
}

func newCertServerCmd() *cobra.Command {
	var c certFlags
	var hosts []string
	var name string
	cmd := &cobra.Command{
		Use:   "server --ca DIR --host HOST,...",
		Short: "Make the certificate of a server",
		Long: `Make the certificate of a server: HOST.pem, with the intermediates that it needs, and
HOST-key.pem, named after the first host. Standard output has the SHA-256 thumbprint.

The broker makes certificates of its own when it has none; this is for other names,
and for a CA that clients trust already.`,
		Example: `  gridmq cert server --ca ca --host broker.plant.example,10.0.0.5
  gridmq cert server --ca ca --host '*.mqtt.plant.example' --out tls`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(hosts) == 0 {
				return errors.New("--host is needed: the names and addresses of the server")
			}
			if name == "" {
				name = hosts[0]
			}
			return c.leaf(cmd, authority.LeafOptions{Name: name}, func(ca *authority.Authority, o authority.LeafOptions) (*authority.Pair, error) {
				return ca.NewServer(hosts, o)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.ca, "ca", "", "`directory` of the CA that signs")
	f.StringVar(&c.out, "out", ".", "`directory` for the files")
	f.StringSliceVar(&hosts, "host", nil, "host `names` and IP addresses; may be repeated")
	f.StringVar(&name, "name", "", "common `name`, and that of the files (default: the first host)")
	c.register(f, authority.ServerLife)
	return cmd
}

// leaf makes a certificate and writes it.
func (c *certFlags) leaf(cmd *cobra.Command, o authority.LeafOptions, sign func(*authority.Authority, authority.LeafOptions) (*authority.Pair, error)) error {
	life, err := c.life()
	if err != nil {
		return err
	}
	ca, err := c.issuer()
	if err != nil {
		return err
	}
	o.Organization, o.Life = c.organization, life
	pair, err := sign(ca, o)
	if err != nil {
		return err
	}
	base := filepath.Join(c.out, fileName(o.Name))
	if err := pair.Save(base+".pem", base+"-key.pem", c.force); err != nil {
		return saved(err)
	}
	told(cmd, pair.Certificate, base+".pem", base+"-key.pem")
	return nil
}

// fileName is a name without what file systems and shells do not like.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '_'
	}, name)
	name = strings.TrimLeft(name, ".-")
	if name == "" {
		return "certificate"
	}
	return name
}
