package customtopic

import (
	"strings"

	"gridmq/control/tree"
)

// members of an Event Grid event by the attributes that they become; see package event.
var attributes = map[string]string{"eventType": "type", "eventTime": "time", "dataVersion": "dataversion"}

// filter reads the member filter into filtersConfiguration of package event/filter.
func (w *words) filter() {
	f, _ := w.Object("filter")
	if sensitive, _ := f.Boolean("isSubjectCaseSensitive"); sensitive {
		f.Fail("isSubjectCaseSensitive", "true is not supported: texts are compared ignoring case")
	}
	f.Boolean("enableAdvancedFilteringOnArrays") // arrays are always looked into
	if types, given := f.Texts("includedEventTypes", 256); given && !(len(types) == 1 && strings.EqualFold(types[0], "all")) && len(types) > 0 {
		w.filters["includedEventTypes"] = types
	}
	var list []any
	if raw, given := f.Raw("advancedFilters"); given {
		v, err := tree.Parse(raw)
		all, isList := v.([]any)
		if err != nil || !isList && v != nil {
			f.Fail("advancedFilters", "want an array of objects")
			return
		}
		for _, one := range all {
			list = append(list, ofCloudEvent(one))
		}
	}
	w.advanced = len(list)
	for member, operator := range map[string]string{"subjectBeginsWith": "StringBeginsWith", "subjectEndsWith": "StringEndsWith"} {
		if text, given := f.Text(member, maxText); given && text != "" {
			list = append(list, map[string]any{"key": "subject", "operatorType": operator, "values": []any{text}})
		}
	}
	if len(list) > 0 {
		w.filters["filters"] = list
	}
}

// ofCloudEvent is a filter with its key as CloudEvents call it.
func ofCloudEvent(one any) any {
	key, _ := tree.Get(one, "key")
	text, _ := key.(string)
	if name := attributes[text]; name != "" {
		return tree.With(one, "key", name)
	}
	return one
}
