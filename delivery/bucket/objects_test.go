package bucket

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gridmq/delivery/bucket/buckettest"
)

// What was written is listed page by page, read, and moved beside; in both APIs.
func TestObjects(t *testing.T) {
	for kind, open := range map[string]func(Options) (*Sink, error){"azure": NewAzure, "s3": NewS3} {
		t.Run(kind, func(t *testing.T) {
			s := buckettest.New(t)
			sink, err := open(Options{URL: s.URL, SASFile: file(t, "sv=1&sig=a%2Bb"), Region: "r", KeyID: "k", SecretFile: file(t, "x"), Web: web})
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			for range 7 {
				if err := sink.Write(t.Context(), letters("dead", "orders")); err != nil {
					t.Fatal(err)
				}
			}
			at := time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)
			s.Put("dead/plant/orders/bill & co+/x.json", "odd", at)
			var names []string
			pages := 0
			for after := ""; ; pages++ {
				page, next, err := sink.List(t.Context(), "dead", "plant/orders/", after)
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range page {
					names = append(names, o.Name)
					if o.Name == "plant/orders/bill & co+/x.json" && (!o.Modified.Equal(at) || o.Size != 3) {
						t.Errorf("object %+v", o)
					}
				}
				if after = next; next == "" {
					break
				}
			}
			if len(names) != 8 || pages != 2 || !slices.Contains(names, "plant/orders/bill & co+/x.json") {
				t.Fatalf("%d names in %d pages: %q", len(names), pages+1, names)
			}
			in, err := sink.Get(t.Context(), "dead", names[7])
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(in)
			if in.Close(); err != nil || !strings.HasPrefix(string(text), `[{"deadLetterProperties"`) {
				t.Errorf("read %s, %v", text, err)
			}
			if err := sink.Move(t.Context(), "dead", "plant/orders/bill & co+/x.json", "plant/orders/bill & co+/replayed/x.json"); err != nil {
				t.Fatal(err)
			}
			if n := s.Names(); !slices.Contains(n, "dead/plant/orders/bill & co+/replayed/x.json") || slices.Contains(n, "dead/plant/orders/bill & co+/x.json") {
				t.Errorf("moved: %q", n)
			}
			if _, err := sink.Get(t.Context(), "dead", "plant/none.json"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("what is not there: %v", err)
			}
			if err := sink.Move(t.Context(), "dead", "plant/none.json", "plant/there.json"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("what is not there, moved: %v", err)
			}
			s.Refuse(http.MethodDelete)
			if err := sink.Move(t.Context(), "dead", names[7], "plant/there.json"); err == nil || !strings.Contains(err.Error(), `403, "AccessDenied"`) || strings.Contains(err.Error(), "sig") {
				t.Errorf("no right to delete: %v", err)
			}
			s.Close()
			if _, _, err := sink.List(t.Context(), "dead", "", ""); err == nil || strings.Contains(err.Error(), "sig") {
				t.Errorf("nobody there: %v", err)
			}
		})
	}
}
