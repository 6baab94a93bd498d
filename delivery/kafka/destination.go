package kafka

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"gridmq/internal/outbound"
)

// A Destination is a topic of a Kafka cluster, or an event hub, which is the same.
type Destination struct {
	// Name is the operator's, for errors and logs.
	Name string
	// ResourceID is what event subscriptions call it, a resource id of Resource Manager.
	// It is found ignoring case.
	ResourceID string
	// Brokers are host:port, of which one has to answer first.
	Brokers []string
	// Topic is the topic, or the name of the event hub.
	Topic string
	// TLS is nil for connections that everybody on the way can read.
	TLS *outbound.Options
	// SASL is how we say who we are. Default: not.
	SASL SASL
	// Binary sends events in binary mode. Default: structured JSON.
	Binary bool
	// MessageBytes is how large a batch of records, and so a record, may be. Default
	// 1,000,000.
	MessageBytes int
	// Compression of batches: none, gzip, snappy, lz4 or zstd. Default: none, which
	// every kind of server takes.
	Compression string
}

// Bounds of Destination.MessageBytes: below, many events do not pass; above, one batch
// could fill the memory of a client.
const (
	MinMessageBytes = 16 << 10
	MaxMessageBytes = 8 << 20

	defaultMessageBytes = 1_000_000
)

// A FieldError says what is wrong with a setting of a destination.
type FieldError struct{ Field, Text string }

func (e *FieldError) Error() string { return e.Field + ": " + e.Text }

// Validate returns what is wrong with d; fields are spelled as in the configuration file.
// It reads no files.
func (d *Destination) Validate() (wrong []*FieldError) {
	fail := func(field, format string, args ...any) {
		wrong = append(wrong, &FieldError{field, fmt.Sprintf(format, args...)})
	}
	if !isResourceID(d.ResourceID) {
		fail("resource_id", "want what event subscriptions name, as "+
			"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.EventHub/namespaces/{namespace}/eventhubs/{name}, have %q", d.ResourceID)
	}
	if len(d.Brokers) == 0 {
		fail("brokers", "want at least one broker, as kafka.example:9092")
	}
	for _, one := range d.Brokers {
		if !isAddress(one) {
			fail("brokers", "want host:port such as kafka.example:9092, have %q", one)
		}
	}
	if !isTopic(d.Topic) {
		fail("topic", "want 1 to 249 letters, digits, dots, hyphens and underscores, have %q", d.Topic)
	}
	if d.TLS != nil && (d.TLS.CertificateFile == "") != (d.TLS.KeyFile == "") {
		fail("certificate_file", "want both certificate_file and key_file, or neither")
	}
	if n := d.MessageBytes; n != 0 && (n < MinMessageBytes || n > MaxMessageBytes) {
		fail("message_bytes", "want %d to %d, have %d", MinMessageBytes, MaxMessageBytes, n)
	}
	if _, ok := compressions[d.Compression]; !ok {
		fail("compression", "want none, gzip, snappy, lz4 or zstd, have %q", d.Compression)
	}
	return d.SASL.validate(wrong, d.TLS != nil)
}

// isResourceID says whether control would let an event subscription have id.
func isResourceID(id string) bool {
	parts := strings.Split(strings.Trim(id, "/"), "/")
	good := strings.HasPrefix(id, "/") && len(parts) >= 8 && len(parts)%2 == 0 && strings.EqualFold(parts[0], "subscriptions")
	for _, part := range parts {
		good = good && part != ""
	}
	return good
}

func isAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// isTopic is the rule of Kafka for names of topics; event hubs have a narrower one.
func isTopic(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("._-", c) < 0 {
			return false
		}
	}
	return s != "" && s != "." && s != ".." && len(s) <= 249
}

// fold is a resource id as it is looked up.
func fold(resourceID string) string { return strings.ToLower(strings.Trim(resourceID, "/")) }
