//go:build !unix

package robustness

// maxFiles is not limited in a way we know of.
func maxFiles() int { return 1 << 30 }
