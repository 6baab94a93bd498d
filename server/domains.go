package server

import (
	"crypto/tls"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"gridmq/control/namespace"
	"gridmq/listener"
)

// Custom domains and their certificates. certificateUrl of an approved domain is
//
//	file:///path/mqtt.example.pem
//
// a PEM file with the chain, leaf first, and the key; or the chain alone, and then
// the key is beside it, in mqtt.example.key or mqtt.example-key.pem. A domain with
// another URL, as of a vault, or with none gets a certificate by ACME where that is
// on, else it is served with the certificates of the configuration.
//
// Source: spec/identity.md, section 9; spec/control-plane.md, section 4.4.

// domains follows the custom domains of all namespaces and tells the listeners
// which host has which certificate.
//
// Locks: change, then mu. change is held while files are read, mu never.
type domains struct {
	log    *slog.Logger
	certs  *listener.Certificates
	change sync.Mutex // one change at a time

	mu      sync.Mutex
	spaces  map[string][]namespace.Domain // approved ones, by namespace
	own     map[string]owned              // from files, by host
	issued  map[string]*tls.Certificate   // by ACME, by host
	acme    *acme                         // nil: off
	always  []string                      // hosts of the configuration, for ACME
	covered func(host string) bool        // whether the configuration has a certificate
}

// owned is a certificate of a file, and where it came from.
type owned struct {
	url  string
	cert *tls.Certificate
}

func newDomains(log *slog.Logger, certs *listener.Certificates) *domains {
	return &domains{log: log, certs: certs, spaces: map[string][]namespace.Domain{}, own: map[string]owned{},
		issued: map[string]*tls.Certificate{}, covered: func(string) bool { return false }}
}

// follow takes over a namespace as it is now; nil: it is gone. The certificates are
// in force when it returns.
func (d *domains) follow(name string, n *namespace.Namespace) {
	var approved []namespace.Domain
	if n != nil {
		n.AllDomains(func(one *namespace.Domain) {
			if one.State == namespace.Approved {
				approved = append(approved, *one)
			}
		})
	}
	d.change.Lock()
	defer d.change.Unlock()
	d.mu.Lock()
	before := d.spaces[name]
	d.mu.Unlock()
	if len(before)+len(approved) == 0 {
		return
	}
	read := d.read(name, approved)
	d.mu.Lock()
	for _, one := range before {
		delete(d.own, one.Name)
	}
	maps.Copy(d.own, read)
	if delete(d.spaces, name); len(approved) > 0 {
		d.spaces[name] = approved
	}
	d.mu.Unlock()
	d.tell()
}

// reload reads all files again. covered says from now on for which hosts the
// configuration has a certificate.
func (d *domains) reload(covered func(host string) bool) {
	d.change.Lock()
	defer d.change.Unlock()
	d.mu.Lock()
	d.covered = covered
	spaces := maps.Clone(d.spaces)
	d.mu.Unlock()
	all := map[string]owned{}
	for name, list := range spaces {
		maps.Copy(all, d.read(name, list))
	}
	d.mu.Lock()
	d.own = all
	d.mu.Unlock()
	d.tell()
}

// issue lets ACME give certificates to the hosts, and to domains that have none of
// their own and none in the configuration.
func (d *domains) issue(a *acme, hosts []string, covered func(host string) bool) {
	d.change.Lock()
	defer d.change.Unlock()
	d.mu.Lock()
	d.acme, d.covered, d.always = a, covered, nil
	for _, host := range hosts {
		d.always = append(d.always, canonicalHost(host))
	}
	d.mu.Unlock()
	d.tell()
}

// read reads the certificates of a namespace's domains. Where that fails, the one
// that was read before from the same place stays.
func (d *domains) read(name string, list []namespace.Domain) map[string]owned {
	all := map[string]owned{}
	for _, one := range list {
		if one.CertificateURL == "" {
			continue
		}
		log := d.log.With("namespace", name, "domain", one.Name)
		cert, err := readDomain(one.Name, one.CertificateURL)
		if err == nil {
			all[one.Name] = owned{one.CertificateURL, cert}
			if now := time.Now(); now.After(cert.Leaf.NotAfter) || now.Before(cert.Leaf.NotBefore) {
				log.Warn("certificate of a custom domain is not valid now", "from", cert.Leaf.NotBefore, "to", cert.Leaf.NotAfter)
			}
			continue
		}
		d.mu.Lock()
		old, there := d.own[one.Name]
		d.mu.Unlock()
		if there = there && old.url == one.CertificateURL; there {
			all[one.Name] = old
		}
		log.Error("certificate of a custom domain not read", "previous_stays", there, "err", err)
	}
	return all
}

// tell gives the listeners what there is, and ACME what is missing. change is held.
func (d *domains) tell() {
	d.mu.Lock()
	a, missing := d.acme, d.missing()
	for host := range d.issued {
		if !slices.Contains(missing, host) {
			delete(d.issued, host)
		}
	}
	d.show()
	d.mu.Unlock()
	if a != nil {
		a.want(missing)
	}
}

// missing are the hosts that ACME has to care for, sorted. mu is held.
func (d *domains) missing() (hosts []string) {
	if d.acme == nil {
		return nil
	}
	for _, list := range d.spaces {
		for _, one := range list {
			if _, has := d.own[one.Name]; !has && !d.covered(one.Name) {
				hosts = append(hosts, one.Name)
			}
		}
	}
	for _, host := range d.always {
		if _, has := d.own[host]; !has {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// show gives the listeners the certificates. mu is held.
func (d *domains) show() {
	all := maps.Clone(d.issued)
	for host, one := range d.own {
		all[host] = one.cert
	}
	d.certs.SetHosts(all)
}

// got takes a certificate that ACME has got for a host.
func (d *domains) got(host string, cert *tls.Certificate) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, wanted := slices.BinarySearch(d.missing(), host); wanted {
		d.issued[host] = cert
		d.show()
	}
}
