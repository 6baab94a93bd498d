package topic

import "strings"

// start sets the target to the first name that can match after w.last.
func (w *walker) start() {
	for rest := w.filter; ; { // the names that match begin with the levels before a wildcard
		level, tail, more := cut(rest)
		if isWildcard(level, more) {
			break
		}
		w.target = append(w.target, level...)
		if !more {
			break
		}
		if w.target = append(w.target, '/'); tail == "#" {
			w.target = w.target[:len(w.target)-1] // "a/#" matches "a"
			break
		}
		rest = tail
	}
	if w.last != "" && compare(w.last, w.target) >= 0 {
		w.behind(w.last)
	}
}

// behind sets the target to the first name that can follow name.
func (w *walker) behind(name string) { w.aim(name, "/") }

// past sets the target to the first name that is neither name nor below it.
func (w *walker) past(name string) { w.aim(name, "\x00") }

func (w *walker) aim(name, tail string) {
	w.target = append(append(w.target[:0], name...), tail...)
}

// look says whether the filter matches name, and sets the target to the next name
// that can match, or ended.
func (w *walker) look(name string) bool {
	filter := w.filter
	level, tail, more := cut(filter)
	if isDollar(name) && isWildcard(level, more) { // [MQTT-4.7.2-1]
		w.aim("%", "") // the character after '$'
		return false
	}
	// The first start bytes of name match the filter so far; those up to plus end
	// with a level that a '+' stands for.
	for start, plus := 0, -1; ; {
		if level == "#" && !more {
			w.behind(name)
			return true
		}
		end := len(name)
		if i := strings.IndexByte(name[start:], '/'); i >= 0 {
			end = start + i
		}
		have := name[start:end]
		switch {
		case level == "+":
			plus = end
		case have < level: // the level is still to come here
			w.aim(name[:start], level)
			return false
		case have > level: // it will not come here any more
			w.next(name, plus)
			return false
		}
		last := end == len(name)
		switch {
		case !more:
			w.next(name, plus)
			return last
		case last && tail == "#":
			w.behind(name)
			return true
		case last:
			w.behind(name)
			return false
		}
		start = end + 1
		level, tail, more = cut(tail)
	}
}

// next sets the target behind all names for which the last '+' stands for the
// same level as in name, where that level ends at plus. Without a '+' there are
// no others.
func (w *walker) next(name string, plus int) {
	if plus < 0 {
		w.ended = true
		return
	}
	w.past(name[:plus])
}
