package control

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gridmq/control/operator"
	"gridmq/store/memory"
)

type everything struct {
	SessionDirectory
	RefusalLog
	Explainer
	Backuper
	HistoryLog
	SlowDirectory
	Tracer
	MetricReader
	EventCounter
	AddressBook
	RetainedStore
	DeadLetterOffice
}

// documented is the OpenAPI document: methods, in upper case, by path.
func documented(t *testing.T, p *Plane) map[string][]string {
	t.Helper()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest("GET", "/gridmq/openapi.json", nil))
	var doc struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for path, item := range doc.Paths {
		for method := range item {
			if method != "parameters" {
				all[path] = append(all[path], strings.ToUpper(method))
			}
		}
		slices.Sort(all[path])
	}
	return all
}

func openEverything(t *testing.T) *Plane {
	t.Helper()
	st := memory.New(memory.Options{})
	token := operator.Operator{Name: "owner", Role: operator.RoleNamed("owner"), Scope: "/", Hash: operator.HashOf("owner-token")}
	p, err := Open(context.Background(), Options{Store: st, Operators: []operator.Operator{token},
		Sessions: everything{}, Refusals: everything{}, Explain: everything{}, Backup: everything{}, History: everything{}, Slow: everything{}, Trace: everything{},
		Metrics: everything{}, Events: everything{}, Addresses: everything{}, Retained: everything{}, DeadLetters: everything{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(); _ = st.Close() })
	return p
}

// routed says whether a path leads anywhere, whatever the method.
func routed(p *Plane, segs []string) bool {
	c := &call{plane: p, r: httptest.NewRequest("GET", "/", nil)}
	return c.route(segs) != nil
}

// routeWords are the words that the router compares segments with, and the actions.
func routeWords(t *testing.T) []string {
	t.Helper()
	words := map[string]bool{}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if s, ok := call.Fun.(*ast.SelectorExpr); !ok || s.Sel.Name != "is" {
				return true
			}
			for _, a := range call.Args {
				switch a := a.(type) {
				case *ast.BasicLit:
					word, _ := strconv.Unquote(a.Value)
					words[word] = true
				case *ast.Ident: // eventGrid, authorization
					words[map[string]string{"eventGrid": eventGrid, "authorization": authorization}[a.Name]] = true
				}
			}
			return true
		})
	}
	if words[""] || len(words) < 20 {
		t.Fatalf("the words of the router are %q", slices.Sorted(maps.Keys(words)))
	}
	return slices.Sorted(maps.Keys(words))
}

// matches says whether a template of the document is a path: {scope} stands for any
// number of segments.
func matches(template, segs []string) bool {
	switch {
	case len(template) == 0:
		return len(segs) == 0
	case template[0] == "{scope}":
		for n := 0; n <= len(segs); n++ {
			if matches(template[1:], segs[n:]) {
				return true
			}
		}
		return false
	}
	return len(segs) > 0 && (strings.HasPrefix(template[0], "{") || strings.EqualFold(template[0], segs[0])) && matches(template[1:], segs[1:])
}

// Whatever the router knows is in the document. The walk starts at everything that
// is documented, and tries what may follow, two segments deep.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	p := openEverything(t)
	doc := documented(t, p)
	var templates [][]string
	prefixes := map[string][]string{"": {}}
	for path := range doc {
		segs := strings.Split(path[1:], "/")
		templates = append(templates, segs)
		for i := range segs {
			prefixes[strings.Join(segs[:i+1], "/")] = segs[:i+1]
		}
	}
	words := append(routeWords(t), "anything")
	for _, k := range p.set.Kinds() {
		name := k.Name
		if k.Apart {
			name = k.Type[strings.LastIndexByte(k.Type, '/')+1:]
		}
		words = append(append(words, name), k.Actions...)
	}
	for _, w := range words {
		if w != "anything" && !slices.ContainsFunc(templates, func(s []string) bool {
			return slices.ContainsFunc(s, func(one string) bool { return strings.EqualFold(one, w) })
		}) {
			t.Errorf("%q is routed, and in no path of the document", w)
		}
	}
	found := 0
	check := func(segs []string) {
		if !routed(p, segs) {
			return
		}
		found++
		if !slices.ContainsFunc(templates, func(tmpl []string) bool { return matches(tmpl, segs) }) {
			t.Errorf("/%s is routed, and not in the document", strings.Join(segs, "/"))
		}
	}
	for _, prefix := range prefixes {
		for _, one := range words {
			first := append(slices.Clip(slices.Clone(prefix)), one)
			check(first)
			for _, two := range words {
				check(append(slices.Clip(slices.Clone(first)), two))
			}
		}
	}
	if found < 100 {
		t.Errorf("the walk has found %d routes only", found)
	}
}

// Each documented path has exactly the methods of the document.
func TestOpenAPIHasEveryMethod(t *testing.T) {
	p := openEverything(t)
	if err := p.EnsureNamespace(t.Context(), "plant", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	ns := namespaceID(p.o.Subscription, p.o.Group, "plant")
	for path, want := range documented(t, p) {
		var got []string
		for _, method := range []string{"GET", "PUT", "PATCH", "POST", "DELETE"} {
			target := strings.NewReplacer("{subscriptionId}", p.o.Subscription, "{resourceGroupName}", p.o.Group, "{namespaceName}", "plant", "/{scope}", ns,
				"{name}", "a", "{parentName}", "b", "{clientId}", "c", "{providerName}", eventGrid, "{location}", "local", "{operationKind}", "operationsStatus", "{operationId}", "1").Replace(path)
			r := httptest.NewRequest(method, target+"?api-version="+Newest, strings.NewReader("{"))
			r.Header.Set("Authorization", "Bearer owner-token")
			r.Header.Set("gridmq-dry-run", "true")
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			if strings.Contains(w.Body.String(), "There is nothing at this path") {
				t.Errorf("%s: %s", path, w.Body)
			}
			if w.Code != http.StatusMethodNotAllowed {
				got = append(got, method)
			}
		}
		slices.Sort(got)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s has %v, and in the document %v", path, got, want)
		}
	}
}
