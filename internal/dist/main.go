// Command dist makes what is released: for each platform a static binary in an
// archive, with licences, documents, man pages and completions, its bill of
// materials, Debian packages, and SHA256SUMS over all of it.
//
// The same commit and the same Go give the same bytes, wherever it is built: paths
// are trimmed, and every time in it is the commit's (or SOURCE_DATE_EPOCH's).
//
// Errors: the first thing that cannot be made ends it; the folder may then be half full.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	f := flag.NewFlagSet("dist", flag.ContinueOnError)
	out := f.String("out", "dist", "`folder` for what is made; what is in it with the same names is replaced")
	list := f.String("targets", strings.Join(platforms, ","), "`platforms` to make it for, as linux/amd64")
	version := f.String("version", "", "`version`; without, what git describe says")
	seconds := f.Int64("time", 0, "time of everything in it, seconds since 1970; without, SOURCE_DATE_EPOCH, or the commit's")
	deb := f.Bool("deb", true, "make Debian packages too, where there is dpkg-deb")
	maintainer := f.String("maintainer", "The GridMQ authors <gridmq@localhost>", "who answers for the Debian packages: `name <address>`")
	if err := f.Parse(args); err != nil {
		return err
	}
	if strings.ContainsAny(*maintainer, "\r\n") {
		return fmt.Errorf("-maintainer %q: want one line, name <address>", *maintainer)
	}
	root, err := goOutput(".", nil, "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	r := &release{root: strings.TrimSpace(root), out: *out, maintainer: *maintainer}
	if r.version, r.at, err = stamp(r.root, *version, *seconds); err != nil {
		return err
	}
	if *deb {
		if r.dpkg, err = exec.LookPath("dpkg-deb"); err != nil {
			fmt.Fprintln(os.Stderr, "dist: no Debian packages: dpkg-deb is missing (on Debian and Ubuntu: apt-get install dpkg)")
		}
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp("", "gridmq-dist-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work)
	if err := r.document(); err != nil {
		return err
	}
	for one := range strings.SplitSeq(*list, ",") {
		t, err := parseTarget(one)
		if err != nil {
			return err
		}
		if err := r.make(t); err != nil {
			return fmt.Errorf("%s: %w", one, err)
		}
	}
	return writeSums(filepath.Join(*out, "SHA256SUMS"), r.made)
}

// goOutput runs the go command in a folder and gives what it prints.
func goOutput(dir string, env []string, args ...string) (string, error) {
	cmd := exec.Command(cmp.Or(os.Getenv("GO"), "go"), args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	b, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, complaint.String())
	}
	return string(b), nil
}
