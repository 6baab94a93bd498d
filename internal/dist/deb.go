package main

import (
	"crypto/md5"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// debian packs the files of an archive for Debian and Ubuntu: the binary, a service that
// runs as a user of its own, and the configuration as a file that upgrades leave alone.
// It gives the path of the package.
//
// Source: Debian policy manual, chapters 3, 5 and 6; deb(5).
func (r *release) debian(t target, files []entry) (string, error) {
	version := debianVersion(r.version, r.at)
	list, err := r.debianFiles(version, files)
	if err != nil {
		return "", err
	}
	root := filepath.Join(r.work, "deb_"+t.String())
	if err := layOut(root, r.at, append(list, r.debianControl(t, version, list)...), r.debianScripts); err != nil {
		return "", err
	}
	path := filepath.Join(r.out, "gridmq_"+version+"_"+t.arch+".deb")
	cmd := exec.Command(r.dpkg, "--root-owner-group", "-Zgzip", "-z9", "--build", root, path)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.at.Unix()))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("dpkg-deb: %w\n%s", err, out)
	}
	return path, nil
}

// debianPlaces are where the files of an archive go in a package. Those that are not here
// stay out: Debian has the licence, and the README is about the source.
var debianPlaces = map[string]string{
	"gridmq":                  "usr/bin/gridmq",
	"systemd/gridmq.service":  "lib/systemd/system/gridmq.service",
	"completions/gridmq.bash": "usr/share/bash-completion/completions/gridmq",
	"completions/_gridmq":     "usr/share/zsh/vendor-completions/_gridmq",
	"completions/gridmq.fish": "usr/share/fish/vendor_completions.d/gridmq.fish",
	"gridmq.example.yaml":     "usr/share/doc/gridmq/gridmq.example.yaml",
	"THIRD-PARTY-NOTICES":     "usr/share/doc/gridmq/THIRD-PARTY-NOTICES.gz",
	"CHANGELOG.md":            "usr/share/doc/gridmq/CHANGELOG.md.gz",
}

func (r *release) debianFiles(version string, files []entry) ([]entry, error) {
	var list []entry
	for _, one := range files {
		place := debianPlaces[one.name]
		if name, isPage := strings.CutPrefix(one.name, "man/"); isPage {
			place = "usr/share/man/" + name + ".gz"
		}
		if strings.HasPrefix(one.name, "docs/") { // not compressed: its pages link to each other
			place = "usr/share/doc/gridmq/" + one.name
		}
		if place == "" {
			continue
		}
		if strings.HasSuffix(place, ".gz") {
			small, err := compressed(one.data)
			if err != nil {
				return nil, err
			}
			one.data = small
		}
		list = append(list, entry{place, one.mode, one.data})
	}
	for place, source := range map[string]string{"etc/gridmq/gridmq.yaml": "gridmq.yaml", "usr/share/doc/gridmq/copyright": "copyright",
		"usr/share/lintian/overrides/gridmq": "lintian-overrides"} {
		text, err := os.ReadFile(filepath.Join(r.root, "packaging/debian", source))
		if err != nil {
			return nil, err
		}
		list = append(list, entry{place, 0o644, text})
	}
	// The changes that users see are in CHANGELOG.md; this one is for Debian's tools.
	changes, err := compressed(fmt.Appendf(nil, "gridmq (%s) unstable; urgency=medium\n\n  * Release; what has changed is in CHANGELOG.md.gz.\n\n -- %s  %s\n",
		version, r.maintainer, r.at.Format(time.RFC1123Z)))
	list = append(list, entry{"usr/share/doc/gridmq/changelog.gz", 0o644, changes})
	return inOrder(list), err
}

// debianControl are the files that tell dpkg about the others.
func (r *release) debianControl(t target, version string, list []entry) []entry {
	var sums strings.Builder
	bytes := 0
	for _, one := range list {
		bytes += len(one.data)
		if !strings.HasPrefix(one.name, "etc/") { // dpkg keeps the sums of configuration files itself
			fmt.Fprintf(&sums, "%x  %s\n", md5.Sum(one.data), one.name)
		}
	}
	control := fmt.Sprintf(`Package: gridmq
Version: %s
Architecture: %s
Maintainer: %s
Installed-Size: %d
Depends: adduser, init-system-helpers (>= 1.52)
Suggests: mosquitto-clients
Section: net
Priority: optional
Description: MQTT broker with the resource model of Azure Event Grid
 GridMQ is an MQTT 3.1.1 and 5 broker that runs on one's own machines. Clients,
 topic spaces and permissions are resources behind an HTTP API; what is
 acknowledged survives power loss; messages become CloudEvents that are pulled
 from topics or pushed to webhooks.
`, version, t.arch, r.maintainer, (bytes+1023)/1024)
	return []entry{{"DEBIAN/control", 0o644, []byte(control)}, {"DEBIAN/md5sums", 0o644, []byte(sums.String())},
		{"DEBIAN/conffiles", 0o644, []byte("/etc/gridmq/gridmq.yaml\n")}}
}

// debianScripts are what dpkg runs.
func (r *release) debianScripts(root string) error {
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		text, err := os.ReadFile(filepath.Join(r.root, "packaging/debian", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, "DEBIAN", name), text, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// layOut writes files below root, and gives all of it one time and the usual modes,
// whatever the mask of this process.
func layOut(root string, at time.Time, files []entry, more func(root string) error) error {
	for _, one := range files {
		path := filepath.Join(root, one.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, one.data, one.mode); err != nil {
			return err
		}
		if err := os.Chmod(path, one.mode); err != nil {
			return err
		}
	}
	if err := more(root); err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o755)
		if info, err := d.Info(); err != nil {
			return err
		} else if !d.IsDir() && info.Mode()&0o100 == 0 {
			mode = 0o644
		}
		if err := os.Chmod(path, mode); err != nil {
			return err
		}
		return os.Chtimes(path, at, at)
	})
}
