package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// A release is one version, made for one platform after the other.
type release struct {
	root       string // of the source
	out        string
	work       string // for what is not kept
	version    string
	at         time.Time
	maintainer string   // of the packages, "name <address>"
	dpkg       string   // path of dpkg-deb; empty: no packages
	pages      []entry  // man pages and completions, the same for all
	made       []string // paths
}

// build compiles the broker for one platform. internal/dist and the Dockerfile use the
// same flags, which a test compares.
func (r *release) build(t target) (string, error) {
	path := filepath.Join(r.work, t.String(), t.program())
	_, err := goOutput(r.root, t.environ(), "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X main.version="+r.version, "-o", path, "./cmd/gridmq")
	return path, err
}

// document lets the binary of this machine write its man pages and completions.
func (r *release) document() error {
	program, err := r.build(target{runtime.GOOS, runtime.GOARCH})
	if err != nil {
		return err
	}
	man := filepath.Join(r.work, "man")
	if out, err := exec.Command(program, "man", man).CombinedOutput(); err != nil {
		return fmt.Errorf("gridmq man: %w\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(man, "*.1"))
	if err != nil || len(found) == 0 {
		return fmt.Errorf("gridmq man has written no pages (%v)", err)
	}
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		r.pages = append(r.pages, entry{"man/man1/" + filepath.Base(path), 0o644, text})
	}
	for _, shell := range []struct{ name, file string }{
		{"bash", "gridmq.bash"}, {"zsh", "_gridmq"}, {"fish", "gridmq.fish"}, {"powershell", "gridmq.ps1"},
	} {
		text, err := exec.Command(program, "completion", shell.name).Output()
		if err != nil {
			return fmt.Errorf("gridmq completion %s: %w", shell.name, err)
		}
		r.pages = append(r.pages, entry{"completions/" + shell.file, 0o644, text})
	}
	return nil
}

// make makes all that one platform gets.
func (r *release) make(t target) error {
	program, err := r.build(t)
	if err != nil {
		return err
	}
	linked, err := readModules(r.root, program, t)
	if err != nil {
		return err
	}
	files, err := r.files(t, program, linked)
	if err != nil {
		return err
	}
	name := "gridmq_" + r.version + "_" + t.String()
	archive := filepath.Join(r.out, name+".tar.gz")
	write := writeTarball
	if t.os == "windows" {
		archive, write = filepath.Join(r.out, name+".zip"), writeZip
	}
	if err := write(archive, name, files, r.at); err != nil {
		return err
	}
	bill := filepath.Join(r.out, name+".cdx.json")
	if err := writeBill(bill, r, t, linked); err != nil {
		return err
	}
	r.made = append(r.made, archive, bill)
	if t.os == "linux" && r.dpkg != "" {
		deb, err := r.debian(t, files)
		if err != nil {
			return err
		}
		r.made = append(r.made, deb)
	}
	fmt.Println(archive)
	return nil
}

// files are what lies in the archive.
func (r *release) files(t target, program string, linked *modules) ([]entry, error) {
	binary, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	notices, err := linked.notices()
	if err != nil {
		return nil, err
	}
	files := []entry{{t.program(), 0o755, binary}, {"THIRD-PARTY-NOTICES", 0o644, notices}}
	sources := map[string]string{"LICENSE": "LICENSE", "README.md": "README.md", "CHANGELOG.md": "CHANGELOG.md",
		"gridmq.example.yaml": "docs/gridmq.example.yaml"}
	if t.os == "linux" {
		sources["systemd/gridmq.service"] = "packaging/systemd/gridmq.service"
	}
	for name, path := range sources {
		text, err := os.ReadFile(filepath.Join(r.root, path))
		if err != nil {
			return nil, err
		}
		files = append(files, entry{name, 0o644, text})
	}
	guide, err := r.guide()
	return append(append(files, guide...), r.pages...), err
}

// guide is the user guide, with its folders, so that its links and those of the README lead somewhere.
func (r *release) guide() (list []entry, err error) {
	source := os.DirFS(r.root)
	err = fs.WalkDir(source, "docs", func(path string, at fs.DirEntry, err error) error {
		if err != nil || at.IsDir() || (filepath.Ext(path) != ".md" && filepath.Ext(path) != ".yaml") {
			return err
		}
		text, err := fs.ReadFile(source, path)
		list = append(list, entry{path, 0o644, text})
		return err
	})
	return list, err
}
