// Package backup is the form of a backup file: what a data directory held, whole or
// not at all.
//
// It is a tar archive: a head, the files, and behind them the sums of all, so that a
// file without its end is no backup, and its sums can be checked with sha256sum.
//
// Units: sizes are bytes. Errors: a *FormatError is a file that is no whole backup;
// anything else is the reader's, the writer's or the file system's.
// Source: docs/formats/backup.md.
package backup

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// Format is the number of the form; one that is not known is refused.
const Format = 1

// Names of what is no file of the data directory.
const (
	headName = "gridmq-backup.json"
	sumsName = "gridmq-backup.sums"
	dataRoot = "data/"
)

// Bounds of what is read. A backup comes from outside.
const (
	maxHead  = 64 << 10
	maxSums  = 256 << 20
	maxFiles = 2_000_000
	maxName  = 1024 // bytes of a path
)

// A Head says what a backup is of.
type Head struct {
	Format  int       `json:"format"`
	Created time.Time `json:"created"`
	Version string    `json:"version"` // of the gridmq that wrote it
	// Files and Bytes are what the writer means to write, for progress.
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// A FormatError says why a file is no whole backup.
type FormatError struct{ Reason string }

func (e *FormatError) Error() string { return "not a whole backup: " + e.Reason }

func malformed(format string, args ...any) error { return &FormatError{fmt.Sprintf(format, args...)} }

// checkName says whether a path of a file may be in a backup: relative, in one
// spelling only, and below its root.
func checkName(name string) error {
	switch {
	case name == "" || len(name) > maxName || strings.ContainsAny(name, "\x00\n\r\\:"):
	case path.IsAbs(name) || path.Clean(name) != name || name == "." || name == ".." || strings.HasPrefix(name, "../"):
	default:
		return nil
	}
	return malformed("%.80q is no path of a file in a data directory", name)
}
