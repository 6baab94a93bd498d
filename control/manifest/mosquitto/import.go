package mosquitto

import (
	"errors"
	"slices"

	"gridmq/control/manifest"
	"gridmq/identity"
)

// Options say what is read, and what is known about the broker that used it.
type Options struct {
	// Namespace is where the resources come.
	Namespace string
	// Config is a mosquitto.conf that names the files below, as far as they are empty.
	Config string
	// PasswordFile, ACLFile are files as mosquitto.conf names them; empty: none.
	PasswordFile, ACLFile string
	// DynamicSecurity is the file of the plugin; empty: none. It does not go together with
	// the other two: mosquitto asks both then, in an order of its own.
	DynamicSecurity string
	// AnyClientID imports clients of the plugin that may have one client id only.
	AnyClientID bool
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
	var all []*subject
	var err error
	if o.Config != "" {
		if err := readConf(&o, o.Config, &said); err != nil {
			return nil, err
		}
		if o.ACLFile == "" && o.DynamicSecurity == "" {
			said.lost(manifest.Source{File: o.Config}, "acl_file", "there is none, so every client may use every topic; here nothing is open that no binding opens: write down who may do what")
		}
	}
	if o.DynamicSecurity != "" {
		if o.PasswordFile != "" || o.ACLFile != "" {
			return nil, errors.New("mosquitto asks its own files and the dynamic security plugin in an order of its own: import one or the other")
		}
		all, err = dynamicSubjects(o, &said)
	} else {
		all, err = fileSubjects(o, &said)
	}
	if err != nil {
		return nil, err
	}
	b := &builder{namespace: o.Namespace, said: &said, names: namer{}, roles: map[*subject][]string{}}
	b.build(all)
	r := &Result{Resources: b.out, Remarks: said}
	for _, s := range all {
		r.Passwords = r.Passwords || s.client != nil && s.client.hash != ""
	}
	return r, nil
}

func fileSubjects(o Options, said *remarks) ([]*subject, error) {
	var faults manifest.Faults
	var accounts []*account
	if o.PasswordFile != "" {
		text, err := open(o.PasswordFile)
		if err != nil {
			return nil, err
		}
		list, more, wrong := readPasswords(o.PasswordFile, text)
		*said, faults = append(*said, more...), append(faults, wrong...)
		accounts = append([]*account{}, unlike(list, said)...)
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
	return acl.subjects(accounts, o, said), nil
}

func dynamicSubjects(o Options, said *remarks) ([]*subject, error) {
	text, err := open(o.DynamicSecurity)
	if err != nil {
		return nil, err
	}
	f, faults := readDynamic(o.DynamicSecurity, text)
	if len(faults) > 0 {
		return nil, faults
	}
	var accounts []*account
	for _, c := range f.clients {
		c.account.check(said)
		accounts = append(accounts, &c.account)
	}
	kept := map[*account]bool{}
	for _, a := range unlike(accounts, said) {
		kept[a] = true
	}
	f.clients = slices.DeleteFunc(f.clients, func(c *dynClient) bool { return !kept[&c.account] })
	return f.subjects(o, said), nil
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
