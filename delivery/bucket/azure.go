package bucket

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// azureVersion is that of the storage services' API.
const azureVersion = "2021-12-02"

// NewAzure makes a sink for Azure Blob storage. The signature has to allow to create
// and to write. Errors: of the options, or their files.
func NewAzure(o Options) (*Sink, error) {
	s, err := open(o)
	if err != nil {
		return nil, err
	}
	if _, err := signature(o.SASFile); err != nil {
		return nil, err
	}
	s.prepare = func(_ context.Context, r *http.Request, _ []byte) error {
		query, err := signature(o.SASFile)
		r.URL.RawQuery = query
		r.Header.Set("X-Ms-Blob-Type", "BlockBlob")
		r.Header.Set("X-Ms-Version", azureVersion)
		return err
	}
	return s, nil
}

// signature reads a shared access signature: a query, with or without its question mark.
func signature(file string) (string, error) {
	text, err := secret(file)
	if err != nil {
		return "", err
	}
	text = strings.TrimPrefix(text, "?")
	if q, err := url.ParseQuery(text); err != nil || q.Get("sig") == "" {
		return "", fmt.Errorf("%s: want a shared access signature, as sv=2021-12-02&sp=cw&sig=SIGNATURE", file)
	}
	return text, nil
}
