package acme

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"gridmq/internal/freeport"
)

// The proof goes to either kind of secure listener; the certificates are on both.
func TestCertificatesFromADirectory(t *testing.T) {
	for _, kind := range []string{"mqtts", "wss"} {
		t.Run(kind, func(t *testing.T) {
			d := newDirectory(t, 0)
			n := start(t, d.config(t, t.TempDir(), kind, "broker.example"))
			n.obtained(t, d, "broker.example")
			if got := n.shown(t, "mqtts", "localhost"); d.issued(got, "localhost") == nil {
				t.Error("localhost shows a certificate of the directory")
			}
			n.patch(t, "plant", `{"properties":{"topicSpacesConfiguration":{"customDomains":[{"fullyQualifiedDomainName":"mqtt.plant.example"}]},`+
				`"topicsConfiguration":{"customDomains":[{"fullyQualifiedDomainName":"http.plant.example"}]}}}`)
			n.obtained(t, d, "mqtt.plant.example")
			n.obtained(t, d, "http.plant.example")
			for _, secret := range []string{"PRIVATE KEY", "eyJ"} {
				if strings.Contains(n.log.String(), secret) {
					t.Errorf("the log holds %q:\n%s", secret, n.log)
				}
			}
			var before []string
			for _, host := range []string{"broker.example", "mqtt.plant.example"} {
				before = append(before, fmt.Sprint(n.shown(t, "wss", host).SerialNumber))
			}

			// Without the directory, what there is stays, from the first handshake on.
			n.end(t)
			d.Close()
			n = start(t, n.cfg)
			for i, host := range []string{"broker.example", "mqtt.plant.example"} {
				if got := n.shown(t, kind, host); fmt.Sprint(got.SerialNumber) != before[i] || d.issued(got, host) != nil {
					t.Errorf("%s shows %v after a restart, want %s", host, got.SerialNumber, before[i])
				}
			}
			n.patch(t, "plant", `{"properties":{"topicSpacesConfiguration":{"customDomains":[]}}}`)
			if got := n.shown(t, "wss", "mqtt.plant.example"); d.issued(got, "mqtt.plant.example") == nil {
				t.Error("a domain that went still has its certificate")
			}
		})
	}
}

// A host that does not lead here gets nothing, and harms nobody.
func TestHostOfSomebodyElse(t *testing.T) {
	d := newDirectory(t, 0)
	n := start(t, d.config(t, t.TempDir(), "mqtts", "lost.example", "broker.example"))
	n.obtained(t, d, "broker.example")
	n.until(t, "lost.example is refused", func() bool { return strings.Contains(n.log.String(), "will retry") })
	if got := n.shown(t, "wss", "lost.example"); d.issued(got, "lost.example") == nil {
		t.Error("lost.example has a certificate")
	}
	n.end(t)
	if strings.Contains(n.log.String(), "left to end by itself") {
		t.Errorf("a job does not end:\n%s", n.log)
	}
}

// A certificate that has almost expired is renewed as soon as the server is there,
// and shown without a restart.
func TestRenewal(t *testing.T) {
	const life = 12 * time.Second
	d := newDirectory(t, life)
	n := start(t, d.config(t, t.TempDir(), "mqtts", "broker.example"))
	n.obtained(t, d, "broker.example")
	first := n.shown(t, "mqtts", "broker.example")
	n.end(t)
	n.until(t, "the certificate is old", func() bool { return time.Until(first.NotAfter) < life/4 })
	n = start(t, n.cfg)
	n.until(t, "it is renewed", func() bool {
		got := n.shown(t, "mqtts", "broker.example")
		return got.SerialNumber.Cmp(first.SerialNumber) != 0 && d.issued(got, "broker.example") == nil
	})
	if !strings.Contains(n.log.String(), "certificate renewed") {
		t.Errorf("the log says:\n%s", n.log)
	}
}

// A client that offers MQTT beside the protocol of challenges is a client.
func TestClientsAreNotChallenged(t *testing.T) {
	d := newDirectory(t, 0)
	n := start(t, d.config(t, t.TempDir(), "mqtts", "broker.example"))
	n.obtained(t, d, "broker.example")
	c, err := tls.Dial("tcp", n.Addresses()["mqtts"].Address, &tls.Config{ServerName: "broker.example", RootCAs: d.roots,
		NextProtos: []string{"acme-tls/1", "mqtt"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if p := c.ConnectionState().NegotiatedProtocol; p != "mqtt" {
		t.Errorf("the protocol is %q, want mqtt", p)
	}
	if c, err := tls.Dial("tcp", n.Addresses()["mqtts"].Address, &tls.Config{ServerName: "broker.example", InsecureSkipVerify: true,
		NextProtos: []string{"acme-tls/1"}}); err == nil {
		c.Close()
		t.Error("a challenge that is over is answered")
	}
}

// issued says whether a certificate is the directory's, and good for a host.
func (d *directory) issued(c *x509.Certificate, host string) error {
	_, err := c.Verify(x509.VerifyOptions{Roots: d.roots, Intermediates: d.intermediates, DNSName: host})
	return err
}

// obtained waits until both listeners show a certificate of the directory.
func (n *node) obtained(t *testing.T, d *directory, host string) {
	t.Helper()
	for _, listener := range []string{"mqtts", "wss"} {
		n.until(t, host+" has its certificate", func() bool { return d.issued(n.shown(t, listener, host), host) == nil })
	}
}

func (n *node) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in 40 s: %s\n%s", what, n.log)
		}
	}
}

// freePort is one that nobody has: the directory must know it before we listen.
func freePort(t *testing.T) int {
	t.Helper()
	port, err := freeport.TCP()
	if err != nil {
		t.Fatal(err)
	}
	return port
}
