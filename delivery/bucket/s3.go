package bucket

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// NewS3 makes a sink for a store with the S3 API. Buckets are in the path, as all of them
// understand. Errors: of the options, or their files.
func NewS3(o Options) (*Sink, error) {
	s, err := open(o)
	if err != nil {
		return nil, err
	}
	if o.Region == "" || o.KeyID == "" {
		return nil, errors.New("want a region and the id of an access key")
	}
	if _, err := secret(o.SecretFile); err != nil {
		return nil, err
	}
	signer := v4.NewSigner(func(x *v4.SignerOptions) { x.DisableURIPathEscaping = true }) // of S3: paths are escaped once
	s.prepare = func(ctx context.Context, r *http.Request, body []byte) error {
		key, err := secret(o.SecretFile)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		hash := hex.EncodeToString(sum[:])
		r.Header.Set("X-Amz-Content-Sha256", hash)
		return signer.SignHTTP(ctx, aws.Credentials{AccessKeyID: o.KeyID, SecretAccessKey: key}, r, hash, "s3", o.Region, time.Now())
	}
	s.kind = kind{list: s3List, page: s3Page, copyOf: func(r *http.Request, path []string) error {
		r.Header.Set("X-Amz-Copy-Source", "/"+strings.Join(escaped(path), "/"))
		return nil
	}}
	return s, nil
}

func s3List(prefix, after string) url.Values {
	q := url.Values{"list-type": {"2"}, "prefix": {prefix}, "max-keys": {pageText}, "encoding-type": {"url"}}
	if after != "" {
		q.Set("continuation-token", after)
	}
	return q
}

// s3Page reads an answer of ListObjectsV2.
func s3Page(body []byte) (list []Object, after string, err error) {
	var answer struct {
		Contents []struct {
			Key          string
			Size         int64
			LastModified time.Time
		}
		EncodingType          string
		NextContinuationToken string
	}
	if err := xml.Unmarshal(body, &answer); err != nil {
		return nil, "", err
	}
	for _, o := range answer.Contents {
		if answer.EncodingType == "url" { // names may have what XML cannot
			if o.Key, err = url.QueryUnescape(o.Key); err != nil {
				continue
			}
		}
		list = append(list, Object{o.Key, o.Size, o.LastModified})
	}
	return list, answer.NextContinuationToken, nil
}
