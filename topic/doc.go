// Package topic knows topic names and topic filters: which strings are valid,
// which filter matches which name, which filter covers which other one, and how
// to find all matches among a million.
//
// Two containers carry the load of a broker. [Index] answers "who subscribed to
// this name?" and is read without a lock. [Names] answers "which names does this
// filter match?" and is walked in pieces, for retained messages.
//
// A name or filter is a list of levels separated by '/'; a level may be empty,
// so "/" has two. The functions that match take any string: a '+' or '#' that
// is not a whole level, or a '#' before the last one, is an ordinary character.
// Whether a string may come in at all is said by [ValidName] and [ValidFilter].
//
// Units: lengths are bytes of UTF-8.
// Errors: the sentinels Err... below, to be tested with errors.Is.
// Source: OASIS MQTT 5.0, sections 4.7 and 4.8.2 (3.1.1 section 4.7 says the
// same). A tag such as [MQTT-4.7.2-1] names one normative statement there.
package topic
