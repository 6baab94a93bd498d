package topic

// compare orders names so that '/' comes before every other byte. A name is then
// followed at once by all names below it, and names are in order level by level.
// It is negative if a comes first, and 0 if they are the same.
//
// Two places in this order need no name of their own: a+"/" is the first that can
// follow a, and a+"\x00" is the first that is not below a (no name contains NUL).
func compare[A, B string | []byte](a A, b B) int {
	n := min(len(a), len(b))
	i := 0
	for i+8 <= n && word(a, i) == word(b, i) {
		i += 8
	}
	for i < n && a[i] == b[i] {
		i++
	}
	switch {
	case i == n:
		return len(a) - len(b)
	case a[i] == '/':
		return -1
	case b[i] == '/':
		return 1
	}
	return int(a[i]) - int(b[i])
}

// word is the eight bytes of s from i on; the compiler makes one load of it.
func word[S string | []byte](s S, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}
