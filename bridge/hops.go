package bridge

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gridmq/mqtt"
)

// HopProperty is the user property that says which bridges a message has crossed: one
// property for each, the first one first. Its value names a namespace of a node, and
// has inwards behind it where the message was brought in there.
//
// What has left a namespace neither leaves nor enters it again, and what has entered it
// does not enter again; but it may leave, as on its way through.
const HopProperty = "gridmq-bridge-hop"

// inwards is behind the name of a namespace that a message was brought into.
const inwards = "/in"

// maxHops is how many bridges a message may cross. A loop that marks do not show, as
// through brokers that are given a new identity at each start, ends here.
const maxHops = 16

// looped says whether a message has one of the marks, or has come too far.
func looped(p *mqtt.Properties, marks ...string) bool {
	n := 0
	for _, u := range p.UserProperties {
		if u.Name == HopProperty {
			if n++; n >= maxHops || slices.Contains(marks, u.Value) {
				return true
			}
		}
	}
	return false
}

// passed are the properties of a message as they go to the other side: what speaks of
// the connection it came by stays here, and a mark is put on.
func passed(p mqtt.Properties, mark string) mqtt.Properties {
	p.SubscriptionIdentifiers = nil
	p.Clear(mqtt.PropTopicAlias)
	p.UserProperties = append(slices.Clip(p.UserProperties), mqtt.UserProperty{Name: HopProperty, Value: mark})
	return p
}

// identityFile holds the name of this node in marks and client identifiers.
const identityFile = "node"

// NodeIdentity reads, or makes and keeps, the name of this node: 16 hexadecimal digits
// in a file of folder. It is no secret, and must not be that of another node.
func NodeIdentity(folder string) (string, error) {
	name := filepath.Join(folder, identityFile)
	b, err := os.ReadFile(name)
	if err == nil {
		id := strings.TrimSpace(string(b))
		if raw, err := hex.DecodeString(id); err != nil || len(raw) != 8 {
			return "", fmt.Errorf("%s: want 16 hexadecimal digits; delete the file, and the next start makes another one", name)
		}
		return id, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var raw [8]byte
	rand.Read(raw[:])
	id := hex.EncodeToString(raw[:])
	return id, writeFile(name, []byte(id+"\n"))
}

// writeFile puts a file in place whole, or not at all, and on the disk.
func writeFile(name string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what counts is err
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
