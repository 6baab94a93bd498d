package main

import (
	"fmt"
	"slices"
	"strings"
)

// platforms are what a release is made for.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"}

// A target is a platform, in the words of Go.
type target struct{ os, arch string }

func parseTarget(text string) (target, error) {
	if !slices.Contains(platforms, text) {
		return target{}, fmt.Errorf("no release is made for %q, but for %s", text, strings.Join(platforms, ", "))
	}
	goos, arch, _ := strings.Cut(text, "/")
	return target{goos, arch}, nil
}

// program is the name of the binary there.
func (t target) program() string {
	if t.os == "windows" {
		return "gridmq.exe"
	}
	return "gridmq"
}

// environ is that of the go command. No C: the binary then runs on any
// distribution, and in an image that holds nothing else.
func (t target) environ() []string {
	return []string{"CGO_ENABLED=0", "GOOS=" + t.os, "GOARCH=" + t.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-mod=readonly"}
}

func (t target) String() string { return t.os + "_" + t.arch }
