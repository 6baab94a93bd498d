package docs

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	block   = regexp.MustCompile("(?ms)^```.*?^```")
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	marks   = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchor is how a heading is linked to, as GitHub and others make it.
func anchor(heading string) string {
	return strings.ReplaceAll(marks.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// Every link within the repository leads somewhere, to the heading that it names.
func TestLinks(t *testing.T) {
	root := os.DirFS("..")
	pages := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "bench/*.md"} {
		names, err := fs.Glob(root, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := fs.ReadFile(root, name)
			if err != nil {
				t.Fatal(err)
			}
			pages[name] = block.ReplaceAllString(string(text), "")
		}
	}
	if len(pages) < 30 {
		t.Fatalf("only %d pages were found", len(pages))
	}
	for name, text := range pages {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			file, part, _ := strings.Cut(m[1], "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			if _, err := fs.Stat(root, target); err != nil {
				t.Errorf("%s: the link %s leads nowhere: %v", name, m[1], err)
			} else if other, read := pages[target]; read && part != "" && !hasAnchor(other, part) {
				t.Errorf("%s: the link %s names no heading of %s", name, m[1], target)
			}
		}
	}
}

func hasAnchor(page, want string) bool {
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		if anchor(m[1]) == want {
			return true
		}
	}
	return false
}
