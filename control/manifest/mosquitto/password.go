package mosquitto

import (
	"strings"

	"gridmq/control/manifest"
	"gridmq/identity"
)

// An account is somebody who can log in.
type account struct {
	name        string // of the user
	hash        string // "": none that could be taken over
	disabled    bool
	description string
	at          manifest.Source
}

// readPasswords reads a password_file: lines of a user name, a colon and a hash.
func readPasswords(file string, text []byte) (all []*account, remarks remarks, faults manifest.Faults) {
	known := map[string]*account{}
	faults = eachLine(file, text, func(at manifest.Source, line string) {
		name, rest, ok := strings.Cut(line, ":")
		if strings.HasPrefix(line, "#") || !ok { // mosquitto passes over such lines too
			return
		}
		name, _, _ = strings.Cut(strings.TrimSpace(name), "\x00")
		hash, _, _ := strings.Cut(rest, ":")
		hash = strings.TrimSpace(hash)
		who := "user " + quoted(name)
		switch old := known[name]; {
		case name == "":
			remarks.lost(at, who, "there is no user name in this line")
			return
		case old != nil:
			old.hash = "" // which of the two counts differs between versions
			remarks.lost(at, who, "the user is there for the second time (first in line %d): no password is taken over", old.at.Line)
			return
		case hash == "":
			remarks.lost(at, who, "there is no password in this line")
			return
		}
		a := &account{name: name, hash: hash, at: at}
		known[name] = a
		a.check(&remarks)
		all = append(all, a)
	})
	return all, remarks, faults
}

// check leaves out a hash that the registry does not read.
func (a *account) check(said *remarks) {
	if a.hash == "" {
		return
	}
	if err := identity.CheckPasswordHash(identity.PasswordHash(a.hash)); err != nil {
		said.lost(a.at, "user "+quoted(a.name), "its password: %s%s; give it a new one with gridmq password", err, plainHint(a.hash))
		a.hash = ""
	}
}

// plainHint is for files that were never hashed.
func plainHint(hash string) string {
	if strings.HasPrefix(hash, "$") {
		return ""
	}
	return " (is it in plain text? mosquitto_passwd -U FILE hashes a whole file)"
}
