package mosquitto

import (
	"gridmq/control/manifest"
	"gridmq/identity"
)

// Options say what is read, and what is known about the broker that used it.
type Options struct {
	// Namespace is where the resources come.
	Namespace string
	// PasswordFile, ACLFile are files as mosquitto.conf names them; empty: none.
	PasswordFile, ACLFile string
	// NoAnonymous is whether the broker lets nobody in without a user name.
	NoAnonymous bool
	// UserIsClientID is use_username_as_clientid: %c is %u then.
	UserIsClientID bool
}

// A Result is what files become here.
type Result struct {
	Resources []*manifest.Resource
	Remarks   []manifest.Remark
	// Passwords is whether clients have passwords, which their namespace has to allow.
	Passwords bool
}

// Import reads files.
func Import(o Options) (*Result, error) {
	var said remarks
	var faults manifest.Faults
	var accounts []*account
	if o.PasswordFile != "" {
		text, err := open(o.PasswordFile)
		if err != nil {
			return nil, err
		}
		list, more, wrong := readPasswords(o.PasswordFile, text)
		said, faults = append(said, more...), append(faults, wrong...)
		accounts = append([]*account{}, unlike(list, &said)...)
	}
	acl := &aclFile{}
	if o.ACLFile != "" {
		text, err := open(o.ACLFile)
		if err != nil {
			return nil, err
		}
		var wrong manifest.Faults
		acl, wrong = readACL(o.ACLFile, text)
		faults = append(faults, wrong...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	b := &builder{namespace: o.Namespace, said: &said, names: namer{}, roles: map[*subject][]string{}}
	b.build(acl.subjects(accounts, o, &said))
	r := &Result{Resources: b.out, Remarks: said}
	for _, a := range accounts {
		r.Passwords = r.Passwords || a.hash != ""
	}
	return r, nil
}

// unlike leaves out users whose names are the same but for the case of letters: here they
// would be one.
func unlike(list []*account, said *remarks) (kept []*account) {
	known := map[string]*account{}
	for _, a := range list {
		key := identity.Fold(a.name)
		if old := known[key]; old != nil {
			said.lost(a.at, "user "+quoted(a.name), "is user %s of line %d here, as the case of letters does not count when clients log in", quoted(old.name), old.at.Line)
			continue
		}
		known[key] = a
		kept = append(kept, a)
	}
	return kept
}
