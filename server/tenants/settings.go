package tenants

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"gridmq/control/namespace"
	"gridmq/identity/jwtauth"
	"gridmq/identity/webhookauth"
)

// settings are what decides whether an authenticator can go on when its namespace is
// written again: a PUT that changes nothing of them must not cost a fleet the keys and
// answers that are remembered.
type settings struct {
	custom         jwtauth.CustomSettings
	directory      jwtauth.DirectorySettings
	webhook        webhookauth.Settings
	customFiles    string // stamps: a file that was replaced is read again
	directoryFiles string
	webhookFiles   string
}

func settingsOf(n *namespace.Namespace) settings {
	return settings{
		custom: n.Tokens, directory: n.Directory, webhook: n.Hook,
		customFiles: stamp(trusted(n.Tokens.Issuers)...), directoryFiles: stamp(trusted(n.Directory.Issuers)...),
		webhookFiles: stamp(n.Hook.CAFile, n.Hook.CertificateFile, n.Hook.KeyFile),
	}
}

func trusted(issuers []jwtauth.IssuerSettings) (files []string) {
	for _, i := range issuers {
		files = append(files, i.CAFile)
	}
	return files
}

// stamp tells versions of files apart, by size and time.
func stamp(files ...string) string {
	var b strings.Builder
	for _, f := range files {
		if f == "" {
			continue
		}
		if i, err := os.Stat(f); err == nil {
			fmt.Fprintf(&b, "%q %d %d\n", f, i.Size(), i.ModTime().UnixNano())
		}
	}
	return b.String()
}

// keptCustom is the running authenticator, if it is what the settings ask for; nil:
// there has to be another one, or none.
func (m *methods) keptCustom(s settings) *jwtauth.Custom {
	if m.settings.customFiles == s.customFiles && reflect.DeepEqual(m.settings.custom, s.custom) {
		return m.custom
	}
	return nil
}

func (m *methods) keptDirectory(s settings) *jwtauth.Directory {
	if m.settings.directoryFiles == s.directoryFiles && reflect.DeepEqual(m.settings.directory, s.directory) {
		return m.directory
	}
	return nil
}

func (m *methods) keptWebhook(s settings) *webhookauth.Webhook {
	if m.settings.webhookFiles == s.webhookFiles && reflect.DeepEqual(m.settings.webhook, s.webhook) {
		return m.webhook
	}
	return nil
}
