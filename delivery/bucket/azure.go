package bucket

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// azureVersion is that of the storage services' API.
const azureVersion = "2021-12-02"

const azureCopySource = "X-Ms-Copy-Source"

// NewAzure makes a sink for Azure Blob storage. The signature has to allow to create
// and to write; to list, read and delete for what else there is to do. Errors: of the options, or their files.
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
		if r.URL.RawQuery != "" {
			query = r.URL.RawQuery + "&" + query
		}
		r.URL.RawQuery = query
		if r.Method == http.MethodPut && r.Header.Get(azureCopySource) == "" {
			r.Header.Set("X-Ms-Blob-Type", "BlockBlob")
		}
		r.Header.Set("X-Ms-Version", azureVersion)
		return err
	}
	s.kind = kind{list: azureList, page: azurePage, copyOf: func(r *http.Request, path []string) error {
		query, err := signature(o.SASFile)
		from := s.base.JoinPath(escaped(path)...)
		from.RawQuery = query
		r.Header.Set(azureCopySource, from.String())
		r.Header.Set("X-Ms-Requires-Sync", "true") // the copy is complete when it answers
		return err
	}}
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

func azureList(prefix, after string) url.Values {
	q := url.Values{"restype": {"container"}, "comp": {"list"}, "prefix": {prefix}, "maxresults": {pageText}}
	if after != "" {
		q.Set("marker", after)
	}
	return q
}

// azurePage reads an answer of List Blobs.
func azurePage(body []byte) (list []Object, after string, err error) {
	var answer struct {
		Blobs struct {
			Blob []struct {
				Name       string
				Properties struct {
					LastModified string `xml:"Last-Modified"`
					Size         int64  `xml:"Content-Length"`
				}
			}
		}
		NextMarker string
	}
	if err := xml.Unmarshal(body, &answer); err != nil {
		return nil, "", err
	}
	for _, b := range answer.Blobs.Blob {
		at, _ := time.Parse(time.RFC1123, b.Properties.LastModified) // it only puts them in order
		list = append(list, Object{b.Name, b.Properties.Size, at})
	}
	return list, answer.NextMarker, nil
}
