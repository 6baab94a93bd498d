package topic

// Match says whether filter matches name.
func Match(filter, name string) bool {
	if isDollar(name) && !isDollar(filter) {
		return false // [MQTT-4.7.2-1]; a literal first level would differ anyway
	}
	for {
		want, filterRest, filterMore := cut(filter)
		if want == "#" && !filterMore {
			return true
		}
		have, nameRest, nameMore := cut(name)
		if want != "+" && want != have {
			return false
		}
		if !filterMore {
			return !nameMore
		}
		if !nameMore {
			return filterRest == "#" // "a/#" matches its parent "a", section 4.7.1.2
		}
		filter, name = filterRest, nameRest
	}
}

// Covers says whether filter a matches every name that filter b matches.
func Covers(a, b string) bool {
	if isDollar(b) && !isDollar(a) {
		return false // [MQTT-4.7.2-1]
	}
	if b == "#" || b == "/#" {
		// No name is empty, so these match the same as "+/#" and "/+/#".
		b = b[:len(b)-1] + "+/#"
	}
	for {
		wide, aRest, aMore := cut(a)
		if wide == "#" && !aMore {
			return true
		}
		narrow, bRest, bMore := cut(b)
		if narrow == "#" && !bMore {
			return false // b reaches deeper than a, or to the parent that a leaves out
		}
		if wide != "+" && wide != narrow {
			return false
		}
		if !aMore {
			return !bMore
		}
		if !bMore {
			return aRest == "#"
		}
		a, b = aRest, bRest
	}
}

// HasWildcard says whether filter contains a level '+' or a last level '#', so
// that it can match more than one name.
func HasWildcard(filter string) bool {
	for {
		level, rest, more := cut(filter)
		if isWildcard(level, more) {
			return true
		}
		if !more {
			return false
		}
		filter = rest
	}
}

// isWildcard says whether level is one, where more tells that others follow it.
func isWildcard(level string, more bool) bool {
	return level == "+" || level == "#" && !more
}
