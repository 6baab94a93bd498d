package access

import "strings"

// A scope is an ARM path. Letters have no case in it, double slashes and one at the
// end do not count. Source: spec/control-plane.md, section 2.

// segments takes a scope apart.
func segments(scope string) []string {
	return strings.FieldsFunc(fold(scope), func(r rune) bool { return r == '/' })
}

// covers says whether scope is that of a topic space of the namespace, or above it.
// Both paths begin with a '/'; namespace is the ARM id of ours.
func covers(scope, namespace, space string) bool {
	at, want := segments(scope), segments(namespace)
	if !strings.HasPrefix(scope, "/") || len(want) == 0 {
		return false
	}
	want = append(want, "topicspaces", fold(space))
	if len(at) > len(want) || !isLevel(len(at), len(want)) {
		return false
	}
	for i := range at {
		if at[i] != want[i] {
			return false
		}
	}
	return true
}

// isLevel says whether a path of n segments can have rights of its own, where the
// path of a topic space has full: a subscription, group, namespace or topic space.
func isLevel(n, full int) bool { return n == 2 || n == 4 || n == full-2 || n == full }

// sameScope says whether two paths are the same.
func sameScope(a, b string) bool {
	return strings.Join(segments(a), "/") == strings.Join(segments(b), "/")
}

// validScope says whether a path is that of a subscription or something in it. What
// is not a topic space's (another resource, a topic) is accepted and gives nothing
// here.
func validScope(scope string) bool {
	at := segments(scope)
	return strings.HasPrefix(scope, "/") && len(at) >= 2 && len(at)%2 == 0 && len(at) <= 20 && at[0] == "subscriptions" &&
		(len(at) == 2 || at[2] == "resourcegroups") && (len(at) <= 4 || len(at) >= 8 && at[4] == "providers")
}
