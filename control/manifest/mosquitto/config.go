package mosquitto

import (
	"os"
	"path/filepath"
	"strings"

	"gridmq/control/manifest"
)

// elsewhere are settings about who gets in, or may do what, that are in none of the files
// we read. All others are left aside without a word.
var elsewhere = map[string]string{
	"connection":               "a bridge is set up in the server's configuration; see docs/bridge.md",
	"psk_file":                 "keys that both sides know (TLS-PSK) do not exist here; give the clients certificates or passwords",
	"auth_plugin":              "a plugin may decide otherwise than the files; a webhook can stand for it, see docs/identity.md",
	"plugin":                   "a plugin may decide otherwise than the files; a webhook can stand for it, see docs/identity.md",
	"global_plugin":            "a plugin may decide otherwise than the files; a webhook can stand for it, see docs/identity.md",
	"use_identity_as_username": "the user name is taken from the certificate; register the CA (gridmq apply), and alternativeAuthenticationNameSources of the namespace",
	"use_subject_as_username":  "the user name is the subject of the certificate; register the CA (gridmq apply), and alternativeAuthenticationNameSources of the namespace",
	"clientid_prefixes":        "client ids are not restricted here",
	"per_listener_settings":    "users and rights differ by listener; import the files of each listener into a namespace of its own",
}

const dynamicPlugin = "mosquitto_dynamic_security"

// A conf is what was read of mosquitto.conf and the files that it includes.
type conf struct {
	o         *Options
	said      *remarks
	faults    manifest.Faults
	anonymous string
	files     int
}

// readConf finds the files that a mosquitto.conf names, unless they are given, and says
// what else there is about users and rights.
func readConf(o *Options, path string, said *remarks) error {
	c := &conf{o: o, said: said}
	if err := c.read(path); err != nil {
		return err
	}
	if len(c.faults) > 0 {
		return c.faults
	}
	// Since 2.0 nobody gets in without a user name, unless it is said; before, or
	// without a listener, everybody does.
	o.NoAnonymous = c.anonymous == "false"
	if c.anonymous == "true" {
		said.lost(manifest.Source{File: path}, "allow_anonymous true", "here every client is somebody: give each a password or a certificate")
	}
	return nil
}

const maxIncluded = 100 // files

func (c *conf) read(path string) error {
	if c.files++; c.files > maxIncluded {
		return &manifest.Fault{Source: manifest.Source{File: path}, Message: "includes too many files"}
	}
	text, err := open(path)
	if err != nil {
		return err
	}
	plugin := false // the last one is that of the dynamic security
	c.faults = append(c.faults, eachLine(path, text, func(at manifest.Source, line string) {
		name, value, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
		value = strings.TrimSpace(value)
		if name == "" || strings.HasPrefix(name, "#") {
			return
		}
		where := c.near(path, value)
		switch name {
		case "password_file":
			c.once(at, name, &c.o.PasswordFile, where)
		case "acl_file":
			c.once(at, name, &c.o.ACLFile, where)
		case "allow_anonymous":
			c.anonymous = value
		case "use_username_as_clientid":
			c.o.UserIsClientID = value == "true"
		case "plugin_opt_config_file", "auth_opt_config_file":
			if plugin {
				c.once(at, name, &c.o.DynamicSecurity, where)
			}
		case "include_dir":
			c.include(at, where)
		case "plugin", "auth_plugin", "global_plugin":
			if plugin = strings.Contains(filepath.Base(value), dynamicPlugin); !plugin {
				c.said.lost(at, printable(line), "%s", elsewhere[name])
			}
		default:
			if why := elsewhere[name]; why != "" && value != "false" {
				c.said.say(name != "connection", at, printable(line), "%s", why)
			}
		}
	})...)
	return nil
}

// once takes a file that no flag has named.
func (c *conf) once(at manifest.Source, name string, to *string, path string) {
	switch {
	case *to == "":
		*to = path
	case *to != path:
		c.said.note(at, name, "%s is read instead of %s", *to, path)
	}
}

// near is where a relative path leads: mosquitto takes it from where it was started,
// which is mostly where the configuration lies.
func (c *conf) near(file, path string) string {
	if beside := filepath.Join(filepath.Dir(file), path); path != "" && !filepath.IsAbs(path) {
		if _, err := os.Stat(beside); err == nil {
			return beside
		}
	}
	return path
}

func (c *conf) include(at manifest.Source, dir string) {
	list, err := filepath.Glob(filepath.Join(dir, "*.conf"))
	if err == nil {
		_, err = os.Stat(dir)
	}
	if err != nil {
		c.faults = append(c.faults, &manifest.Fault{Source: at, Message: err.Error()})
		return
	}
	for _, one := range list {
		if err := c.read(one); err != nil {
			c.faults = append(c.faults, &manifest.Fault{Source: at, Message: err.Error()})
		}
	}
}
