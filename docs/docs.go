// Package docs carries the documents that the binary prints.
package docs

import _ "embed"

// ExampleConfig is the annotated configuration: every setting with its default.
//
//go:embed gridmq.example.yaml
var ExampleConfig []byte
