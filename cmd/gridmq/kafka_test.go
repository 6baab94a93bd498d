package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// A hub is a Kafka cluster that lets in as Event Hubs does: TLS, and a connection string.
type hub struct{ options []kgo.Opt }

const connectionString = "Endpoint=sb://localhost/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0"

// eventHub TOPIC begins one, and sets $HUB to its address; hub.pem is whom to trust, and
// hub.txt the connection string.
func eventHub(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: eventhub TOPIC")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	ts.Check(err)
	trusted := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	ts.Check(os.WriteFile(ts.MkAbs("hub.pem"), trusted, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("hub.txt"), []byte(connectionString+"\n"), 0o600))
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, args[0]), kfake.EnableSASL(), kfake.Superuser("PLAIN", "$ConnectionString", connectionString),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}))
	ts.Check(err)
	ts.Defer(c.Close)
	ts.Setenv("HUB", c.ListenAddrs()[0])
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trusted)
	hubs[ts] = hub{[]kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...), kgo.DialTLSConfig(&tls.Config{RootCAs: roots}), kgo.DisableClientMetrics(),
		kgo.SASL(plain.Auth{User: "$ConnectionString", Pass: connectionString}.AsMechanism()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}}
}

// hubs are those of scripts, which do not run at once with others that have some.
var hubs = map[*testscript.TestScript]hub{}

// readHub TOPIC waits for a record and writes its key, headers and value to record.txt.
func readHub(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: readhub TOPIC")
	}
	cl, err := kgo.NewClient(append(hubs[ts].options, kgo.ConsumeTopics(args[0]))...)
	ts.Check(err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var b strings.Builder
	for b.Len() == 0 && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			b.WriteString("key: " + string(r.Key) + "\n")
			for _, h := range r.Headers {
				b.WriteString(h.Key + ": " + string(h.Value) + "\n")
			}
			b.WriteString("\n" + string(r.Value) + "\n")
		})
	}
	ts.Check(os.WriteFile(ts.MkAbs("record.txt"), []byte(b.String()), 0o600))
}
