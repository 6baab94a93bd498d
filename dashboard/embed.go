package dashboard

import (
	"embed"
	"io/fs"
)

// dist holds console/ once `make console` has run; before that, a note only.
//
//go:embed all:dist
var dist embed.FS

// built is the console as it was embedded; nil when the binary has none.
func built() fs.FS {
	if _, err := fs.Stat(dist, "dist/console/index.html"); err != nil {
		return nil
	}
	sub, err := fs.Sub(dist, "dist/console")
	if err != nil {
		return nil
	}
	return sub
}

// Built says whether this binary has the console.
func Built() bool { return built() != nil }
