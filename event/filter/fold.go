package filter

import (
	"unicode"
	"unicode/utf8"
)

// appendFolded appends s so that two strings are equal afterwards exactly if they
// differ in nothing but case: simple Unicode case folding, no locale (8.1). It keeps
// the number of characters, so that beginnings, ends and parts compare as well.
func appendFolded[T ~string | ~[]byte](dst []byte, s T) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		var first [utf8.UTFMax]byte
		r, n := utf8.DecodeRune(first[:copy(first[:], s[i:min(i+utf8.UTFMax, len(s))])])
		dst = utf8.AppendRune(dst, foldRune(r))
		i += n
	}
	return dst
}

// foldRune is one and the same character for all that fold together: the least of
// them, or its small letter if that is ASCII (U+212A, the Kelvin sign, folds to k).
func foldRune(r rune) rune {
	least := r
	for c := unicode.SimpleFold(r); c != r; c = unicode.SimpleFold(c) {
		least = min(least, c)
	}
	if 'A' <= least && least <= 'Z' {
		return least + 'a' - 'A'
	}
	return least
}
