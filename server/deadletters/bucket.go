package deadletters

import (
	"context"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"gridmq/delivery/bucket"
)

// A Shelf is where files of letters are.
type Shelf interface {
	// Files are the letters of only, the oldest first; of some shelves names in only
	// have to be spelled as they are. Errors: *TooManyError, and others.
	Files(ctx context.Context, only Place, skipped func(*Skipped)) ([]File, error)
	// Read is a Reader.
	Read(ctx context.Context, file File, tell func(Letter) error) error
	// SetAside puts a file where Files does not find it; durable when it returns.
	SetAside(ctx context.Context, file File) error
	Close() error
}

var (
	_ Shelf = (*Folder)(nil)
	_ Shelf = (*Bucket)(nil)
)

// A Bucket is a storage account, with its containers: what delivery/bucket writes.
// Names there are as in a folder, without the account, and nothing is escaped.
type Bucket struct {
	Store      *bucket.Sink
	Account    string
	Containers []string
	Most       int // files in one listing
}

// Close does nothing: the store is its owner's.
func (b *Bucket) Close() error { return nil }

// Files lists all names below those that only names: stores list by name, not by age.
func (b *Bucket) Files(ctx context.Context, only Place, skipped func(*Skipped)) ([]File, error) {
	prefix := ""
	for _, name := range []string{only.Namespace, only.Topic, only.Subscription} {
		if name == "" {
			break
		}
		prefix += name + "/"
	}
	var files []File
	for _, container := range b.Containers {
		if only.Container != "" && container != only.Container {
			continue
		}
		for after := ""; ; {
			page, next, err := b.Store.List(ctx, container, prefix, after)
			if err != nil {
				return nil, err
			}
			for _, o := range page {
				f, reason := b.file(container, o)
				switch {
				case reason != "":
					skipped(&Skipped{f.Path, reason})
				case f.Hour.IsZero() || only.Subscription != "" && f.Subscription != only.Subscription:
				case len(files) == b.Most:
					return nil, &TooManyError{b.Most}
				default:
					files = append(files, f)
				}
			}
			if after = next; next == "" {
				break
			}
		}
	}
	slices.SortFunc(files, File.compare)
	return files, nil
}

// file is what an object is; without an hour: one that was set aside.
func (b *Bucket) file(container string, o bucket.Object) (f File, reason string) {
	f = File{Path: path.Join(b.Account, container) + "/" + o.Name, Size: o.Size, wrote: o.Modified}
	parts := strings.Split(o.Name, "/")
	switch {
	case len(parts) == 9 && parts[7] == replayed:
		return f, ""
	case len(parts) != 8:
		return f, "want namespace/topic/subscription/year/month/day/hour/name"
	case !strings.HasSuffix(parts[7], ".json"):
		return f, "want a name that ends in .json"
	}
	hour, ok := hourOf([4]string(parts[3:7]))
	if !ok {
		return f, "its folders are no date and hour"
	}
	f.Place, f.Hour = Place{b.Account, container, parts[0], parts[1], parts[2]}, hour
	return f, ""
}

// hourOf reads year, month, day and hour, which are not padded.
func hourOf(parts [4]string) (time.Time, bool) {
	var n [4]int
	for i, p := range parts {
		var err error
		if n[i], err = strconv.Atoi(p); err != nil || strconv.Itoa(n[i]) != p || n[i] > 9999 {
			return time.Time{}, false
		}
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], 0, 0, 0, time.UTC)
	return t, t.Year() == n[0] && int(t.Month()) == n[1] && t.Day() == n[2] && t.Hour() == n[3]
}

func (b *Bucket) name(f File) string {
	return strings.TrimPrefix(f.Path, b.Account+"/"+f.Container+"/")
}

// Read is a Reader.
func (b *Bucket) Read(ctx context.Context, file File, tell func(Letter) error) error {
	in, err := b.Store.Get(ctx, file.Container, b.name(file))
	if err != nil {
		return err
	}
	defer in.Close()
	return readFile(ctx, file, in, tell)
}

// SetAside moves an object into the folder replayed beside it, which is copied there and
// deleted: what is interrupted between the two is listed, and replayed, again.
func (b *Bucket) SetAside(ctx context.Context, file File) error {
	name := b.name(file)
	dir, base := path.Split(name)
	return b.Store.Move(ctx, file.Container, name, dir+replayed+"/"+base)
}
