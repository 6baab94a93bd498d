package delivery

import (
	"encoding/binary"
	"strings"

	"gridmq/store"
)

// Documents of the table:
//
//	event NUL NUL k                              the key of lock tokens
//	event NUL namespace NUL t number(2)          a topic
//	event NUL namespace NUL s number(2) sub(8)   a subscription
//
// Numbers are big-endian. Namespaces are folded. Logs: the namespace "event NUL
// namespace" has the topic's events in partition 2n, its journal in 2n+1; no
// namespace of MQTT sessions has a NUL.

const documents = "event\x00"

// maxTopics bounds the topics of a namespace: partitions are 16 bits.
const maxTopics = 1 << 15

var tokenKey = []byte(documents + "\x00k")

func fold(name string) string { return strings.ToLower(name) }

func namespacePrefix(namespace string) []byte { return []byte(documents + namespace + "\x00") }

func topicKey(namespace string, number uint16) []byte {
	return binary.BigEndian.AppendUint16(append(namespacePrefix(namespace), 't'), number)
}

func subscriptionPrefix(namespace string, number uint16) []byte {
	return binary.BigEndian.AppendUint16(append(namespacePrefix(namespace), 's'), number)
}

func subscriptionKey(namespace string, number uint16, sub uint64) []byte {
	return binary.BigEndian.AppendUint64(subscriptionPrefix(namespace, number), sub)
}

// parseKey reads the key of a topic (sub is 0) or of a subscription.
func parseKey(key []byte) (namespace string, number uint16, sub uint64, ok bool) {
	rest, found := strings.CutPrefix(string(key), documents)
	namespace, rest, cut := strings.Cut(rest, "\x00")
	if !found || !cut || namespace == "" {
		return "", 0, 0, false
	}
	switch {
	case len(rest) == 3 && rest[0] == 't':
		return namespace, binary.BigEndian.Uint16([]byte(rest[1:])), 0, true
	case len(rest) == 11 && rest[0] == 's':
		b := []byte(rest[1:])
		sub = binary.BigEndian.Uint64(b[2:])
		return namespace, binary.BigEndian.Uint16(b), sub, sub != 0
	}
	return "", 0, 0, false
}

func logNamespace(namespace string) string { return documents + namespace }

func eventLog(namespace string, number uint16) store.LogID {
	return store.LogID{Namespace: logNamespace(namespace), Partition: 2 * number}
}

func journalLog(namespace string, number uint16) store.LogID {
	return store.LogID{Namespace: logNamespace(namespace), Partition: 2*number + 1}
}

// Logs are the logs of the topics in s, for tools that read everything.
func Logs(s store.Store) (logs []store.LogID, err error) {
	err = s.List([]byte(documents), nil, func(d store.Document) bool {
		if namespace, number, sub, ok := parseKey(d.Key); ok && sub == 0 {
			logs = append(logs, eventLog(namespace, number), journalLog(namespace, number))
		}
		return true
	})
	return logs, err
}
