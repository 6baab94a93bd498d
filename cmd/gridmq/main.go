// Command gridmq is the one binary: the broker and the tools around it. One
// file per command; each is its flags, its help, and a call into another room.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := newRootCmd().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "gridmq:", err)
		os.Exit(exitCode(err))
	}
}
