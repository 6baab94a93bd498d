package control_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gridmq/control"
)

// next turns the nextLink of a list into a request, with its query put in another
// order and encoded anew, as the Go client does.
func (a answer) next(t *testing.T) string {
	t.Helper()
	link, given := a.at("nextLink").(string)
	if !given {
		if a.at("nextLink") != nil || strings.Contains(a.text, "nextLink") {
			t.Errorf("nextLink that is no text: %s", a.text)
		}
		return ""
	}
	u, err := url.Parse(link)
	if err != nil || !u.IsAbs() || u.Host != "manage.test" || u.Scheme != "https" {
		t.Fatalf("nextLink %q", link)
	}
	return "GET " + u.EscapedPath() + "?" + u.Query().Encode()
}

func TestPages(t *testing.T) {
	b := newBench(t, nil)
	b.furnish()
	for i := range 45 {
		b.must(201, fmt.Sprintf("PUT %s/clients/c-%02d", plant, i), "{}")
	}
	first := b.must(200, "GET "+plant+"/clients?api-version="+control.Newest+"&%24top=20&%24filter=contains(name,'c-')", "")
	second := b.must(200, first.next(t), "")
	b.must(200, "DELETE "+plant+"/clients/c-39", "") // the last of the page: the next begins behind it all the same
	b.must(201, "PUT "+plant+"/clients/c-05x", "{}")
	third := b.must(200, second.next(t), "")
	if n := []int{len(first.names()), len(second.names()), len(third.names())}; !slices.Equal(n, []int{20, 20, 5}) {
		t.Errorf("pages of %v", n)
	}
	if third.next(t) != "" {
		t.Errorf("the last page has a nextLink: %s", third.text)
	}
	if got := third.names(); got[0] != "c-40" || got[4] != "c-44" {
		t.Errorf("third page %q", got)
	}
	exact := b.must(200, "GET "+plant+"/clients?api-version="+control.Newest+"&$top=5&$filter=contains(name,'c-4')", "")
	if len(exact.names()) != 5 || exact.next(t) != "" {
		t.Errorf("a page that holds all has a nextLink: %s", exact.text)
	}
	if n := len(b.must(200, "GET "+plant+"/clients", "").names()); n != 20 {
		t.Errorf("%d entries without $top, want 20", n)
	}
	for name, q := range map[string]string{
		"top 0": "$top=0", "top 101": "$top=101", "top text": "$top=x", "filter": "$filter=location+eq+'x'", "token": "$skipToken=%25",
	} {
		if a := b.do("GET "+plant+"/clients?api-version="+control.Newest+"&"+q, ""); a.status != 400 || a.code() != "InvalidRequest" {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	none := b.must(200, "GET "+plant+"/clients?api-version="+control.Newest+"&$filter=name+eq+'zzz'", "")
	if quote(none.at("value")) != "[]" {
		t.Errorf("nothing is %s", none.text)
	}
}

func TestFilteredLists(t *testing.T) {
	b := newBench(t, nil)
	for _, name := range []string{"press-1", "Press-2", "oven-1", "b-x"} {
		b.must(201, "PUT "+base+"/namespaces/"+name, "{}")
	}
	b.must(201, "PUT "+strings.Replace(base, "/rg/", "/other/", 1)+"/namespaces/elsewhere", "{}")
	b.must(201, "PUT "+strings.Replace(base, "/sub/", "/sub2/", 1)+"/namespaces/abroad", "{}")
	sub := "/subscriptions/sub/providers/Microsoft.EventGrid/namespaces"
	tests := map[string]struct {
		path, filter string
		want         []string
	}{
		"group":           {base + "/namespaces", "", []string{"b-x", "oven-1", "press-1", "Press-2"}},
		"subscription":    {sub, "", []string{"b-x", "elsewhere", "oven-1", "press-1", "Press-2"}},
		"contains and ne": {base + "/namespaces", "contains(name,'press') and name ne 'press-1'", []string{"Press-2"}},
		"not":             {base + "/namespaces", "not contains(namE,'PRESS')", []string{"b-x", "oven-1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b.t = t
			var got []string
			q := url.Values{"$filter": {tt.filter}, "$top": {"2"}, "api-version": {control.Newest}}
			for request := "GET " + tt.path + "?" + q.Encode(); request != ""; {
				a := b.must(200, request, "")
				got = append(got, a.names()...)
				request = a.next(t)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBaseURL(t *testing.T) {
	b := newBench(t, func(o *control.Options) { o.BaseURL = "https://public.example/grid/" })
	for _, name := range []string{"aaa", "bbb"} {
		b.must(201, "PUT "+base+"/namespaces/"+name, "{}")
	}
	a := b.must(200, "GET "+base+"/namespaces?api-version=2025-02-15&$top=1", "")
	if link, _ := a.at("nextLink").(string); !strings.HasPrefix(link, "https://public.example/grid/subscriptions/sub/") {
		t.Errorf("nextLink %q", link)
	}
}
