package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// stamp decides the version and the time that everything bears.
func stamp(root, version string, seconds int64) (string, time.Time, error) {
	if version == "" {
		said, err := git(root, "describe", "--tags", "--always", "--dirty")
		if err != nil {
			return "", time.Time{}, fmt.Errorf("%w\n  outside a git checkout, say -version and -time", err)
		}
		version = said
	}
	if !versionPattern.MatchString(version) {
		return "", time.Time{}, fmt.Errorf("version %q: want letters, digits and . _ + - only, as it becomes part of file names", version)
	}
	if seconds == 0 {
		text := os.Getenv("SOURCE_DATE_EPOCH") // reproducible-builds.org/specs/source-date-epoch
		if text == "" {
			said, err := git(root, "log", "-1", "--format=%ct")
			if err != nil {
				return "", time.Time{}, fmt.Errorf("%w\n  outside a git checkout, say -time", err)
			}
			text = said
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return "", time.Time{}, fmt.Errorf("time %q: want seconds since 1970", text)
		}
		seconds = n
	}
	return version, time.Unix(seconds, 0).UTC(), nil
}

var versionPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)

func git(root string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = root
	b, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(b)), nil
}

// debianVersion makes a version that dpkg takes and orders: a tag v1.2.3 is 1.2.3,
// commits after it 1.2.3+4.gabc, and a commit without any tag comes before them all
// (Debian policy, section 5.6.12).
func debianVersion(version string, at time.Time) string {
	v := strings.TrimPrefix(version, "v")
	if !taggedPattern.MatchString(v) {
		return "0~git" + at.Format("20060102.150405") + "." + strings.ReplaceAll(version, "-", ".")
	}
	number, rest, more := strings.Cut(v, "-")
	if !more {
		return number
	}
	sign := "~" // 1.2.3-rc.1 comes before 1.2.3
	if describedPattern.MatchString(rest) || rest == "dirty" {
		sign = "+"
	}
	return number + sign + strings.ReplaceAll(rest, "-", ".")
}

var (
	taggedPattern    = regexp.MustCompile(`^[0-9]+\.[0-9]+`)
	describedPattern = regexp.MustCompile(`^[0-9]+-g[0-9a-f]+`) // git describe after a tag
)
