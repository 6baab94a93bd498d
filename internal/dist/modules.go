package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

// modules are what is linked into a binary, as the binary itself says, and what the
// go command knows about it.
type modules struct {
	linked   []*debug.Module // without the main module, by path
	goVer    string          // as go1.26.8
	folders  map[string]string
	uses     map[string][]string // which module imports from which others; the main module is ""
	goFolder string
}

// readModules reads the binary of a target and looks up where its modules lie.
func readModules(root, program string, t target) (*modules, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	m := &modules{linked: info.Deps, goVer: info.GoVersion, folders: map[string]string{}}
	for _, one := range m.linked {
		if one.Replace != nil {
			return nil, fmt.Errorf("module %s is replaced: a release is made of published modules", one.Path)
		}
	}
	goroot, err := goOutput(root, nil, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	m.goFolder = strings.TrimSpace(goroot)
	text, err := goOutput(root, t.environ(), "list", "-deps", "-json=ImportPath,Standard,Module,Imports", "./cmd/gridmq")
	if err != nil {
		return nil, err
	}
	err = m.learn(text)
	return m, err
}

// A listed is a package, in the words of go list -json.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Module     *struct {
		Path, Dir string
		Main      bool
	}
}

// owner names the module of a package: "" is the main module, "std" the standard library.
func (l listed) owner() string {
	switch {
	case l.Standard || l.Module == nil:
		return "std"
	case l.Module.Main:
		return ""
	}
	return l.Module.Path
}

func (m *modules) learn(text string) error {
	packages := map[string]listed{}
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var l listed
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("go list: %w", err)
		}
		packages[l.ImportPath] = l
		if l.Module != nil {
			m.folders[l.Module.Path] = l.Module.Dir
		}
	}
	uses := map[string]map[string]bool{}
	for _, l := range packages {
		from := l.owner()
		if uses[from] == nil {
			uses[from] = map[string]bool{}
		}
		for _, path := range l.Imports {
			if to, known := packages[path]; known && to.owner() != from {
				uses[from][to.owner()] = true
			}
		}
	}
	m.uses = map[string][]string{}
	for from, to := range uses {
		m.uses[from] = slices.Sorted(maps.Keys(to))
	}
	return nil
}

var noticePattern = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice)([.-].*)?$`)

// notices are the licences of all that is linked in: most of them ask that their text
// goes with the binary.
func (m *modules) notices() ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintln(&out, "gridmq contains the following software, under the licences that follow.")
	add := func(name, folder string) error {
		list, err := os.ReadDir(folder)
		if err != nil {
			return err
		}
		found := 0
		for _, one := range list { // ReadDir sorts
			if one.IsDir() || !noticePattern.MatchString(one.Name()) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(folder, one.Name()))
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "\n%s\n%s, %s\n%s\n\n%s\n", strings.Repeat("=", 80), name, one.Name(), strings.Repeat("=", 80), bytes.TrimSpace(text))
			found++
		}
		if found == 0 {
			return fmt.Errorf("%s has no licence file in %s: find out what it may be used for before it is shipped", name, folder)
		}
		return nil
	}
	if err := add("Go "+strings.TrimPrefix(m.goVer, "go"), m.goFolder); err != nil {
		return nil, err
	}
	for _, one := range m.linked {
		if err := add(one.Path+" "+one.Version, m.folders[one.Path]); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}
