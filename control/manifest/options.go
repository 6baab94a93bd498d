package manifest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Where a server keeps what is in no particular place.
const (
	DefaultSubscription = "00000000-0000-0000-0000-000000000000"
	DefaultGroup        = "gridmq"
)

// Options say how documents are read. The zero value works.
type Options struct {
	// Namespace is that of documents which do not name one.
	Namespace string
	// Subscription, Group and Location are where templates are deployed, and where
	// new namespaces come. Default: the server's.
	Subscription, Group, Location string
	// Parameters are values for templates, by name in any case: text, or what a
	// parameter file held.
	Parameters map[string]any
	// SkipUnsupported leaves resources of other types out instead of refusing them.
	SkipUnsupported bool
	// Stdin is the file "-".
	Stdin io.Reader

	noFiles bool // nothing is read but what was given
}

func (o *Options) parameter(name string) (any, bool) {
	for k, v := range o.Parameters {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return nil, false
}

// ReadParameters reads a parameter file of Resource Manager: {"parameters": {"name":
// {"value": ...}}}.
func ReadParameters(path string) (map[string]any, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	docs, faults := documents(path, f)
	if len(faults) > 0 {
		return nil, faults
	}
	values := map[string]any{}
	for _, d := range docs {
		r := reader{source: d.source}
		v, err := r.value(d.node, 0)
		if err != nil || len(r.faults) > 0 {
			return nil, r.faults
		}
		o, _ := v.(map[string]any)
		parameters, ok := member(o, "parameters").(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s is no parameter file: want {\"parameters\": {\"name\": {\"value\": ...}}}", path)
		}
		for name, one := range parameters {
			entry, _ := one.(map[string]any)
			if v, err := property(entry, "value"); err == nil {
				values[name] = v
			}
		}
	}
	return values, nil
}

// literal is a value that is no expression, whatever its texts look like.
func literal(v any) any {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]") {
			return "[" + v
		}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = literal(v[i])
		}
		return list
	case map[string]any:
		o := make(map[string]any, len(v))
		for k := range v {
			o[k] = literal(v[k])
		}
		return o
	}
	return v
}

const maxFiles = 10_000

// Files are what the arguments of -f name: files, "-", and below directories all
// files named *.yaml, *.yml and *.json, hidden ones left out.
func Files(arguments []string) (files []string, err error) {
	for _, name := range arguments {
		if name == "-" {
			files = append(files, name)
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, name)
			continue
		}
		inside, err := filesBelow(name)
		if err != nil {
			return nil, err
		}
		if len(inside) == 0 {
			return nil, fmt.Errorf("%s has no files *.yaml, *.yml or *.json", name)
		}
		files = append(files, inside...)
	}
	if len(files) > maxFiles {
		return nil, fmt.Errorf("%d files: want %d at most", len(files), maxFiles)
	}
	return files, nil
}

func filesBelow(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return filepath.SkipDir
			}
		case !d.IsDir():
			switch strings.ToLower(filepath.Ext(path)) {
			case ".yaml", ".yml", ".json":
				files = append(files, path)
			}
		}
		return nil
	})
	return files, err
}
