package conformance

import "testing"

// A statement is one numbered sentence of a standard. It is covered by the
// test of its number unless one of the two reasons is given.
type statement struct {
	id   string // x.y.z-n
	gist string // what it asks for, in our words

	notServer string // why no server can be held to it
	differs   string // why GridMQ deliberately does otherwise
	when      string // what the test needs; without it the test is skipped, in whole or in part
}

// A section says which numbers a section of a standard has, first to last. It
// is a second list that the statements are held against, so that none gets lost.
type section struct {
	id          string
	first, last int
}

// A test proves one statement, in the version it is called for.
type test func(*testing.T, version)

// A standard is a list of statements with their tests.
type standard struct {
	name     string // of the test function and in the table
	title    string
	version  version
	sections []section
	list     [][]statement
	tests    []map[string]test
}

// sections5 is appendix B of MQTT 5.0: 251 statements. There is no 2.2.1-1;
// the text of the standard writes 4.2.0-1 as MQTT-4.2-1.
var sections5 = []section{
	{"1.5.4", 1, 3}, {"1.5.5", 1, 1}, {"1.5.7", 1, 1},
	{"2.1.3", 1, 1}, {"2.2.1", 2, 6}, {"2.2.2", 1, 1},
	{"3.1.0", 1, 2}, {"3.1.2", 1, 30}, {"3.1.3", 1, 12}, {"3.1.4", 1, 6},
	{"3.2.0", 1, 2}, {"3.2.2", 1, 22},
	{"3.3.1", 1, 13}, {"3.3.2", 1, 20}, {"3.3.4", 1, 10},
	{"3.4.2", 1, 3}, {"3.5.2", 1, 3}, {"3.6.1", 1, 1}, {"3.6.2", 1, 3}, {"3.7.2", 1, 3},
	{"3.8.1", 1, 1}, {"3.8.3", 1, 5}, {"3.8.4", 1, 8}, {"3.9.2", 1, 2}, {"3.9.3", 1, 2},
	{"3.10.1", 1, 1}, {"3.10.3", 1, 2}, {"3.10.4", 1, 6}, {"3.11.2", 1, 2}, {"3.11.3", 1, 2},
	{"3.12.4", 1, 1}, {"3.14.0", 1, 1}, {"3.14.1", 1, 1}, {"3.14.2", 1, 4}, {"3.14.4", 1, 3},
	{"3.15.1", 1, 1}, {"3.15.2", 1, 3},
	{"4.1.0", 1, 2}, {"4.2.0", 1, 1}, {"4.3.1", 1, 1}, {"4.3.2", 1, 5}, {"4.3.3", 1, 13},
	{"4.4.0", 1, 2}, {"4.5.0", 1, 2}, {"4.6.0", 1, 6},
	{"4.7.0", 1, 1}, {"4.7.1", 1, 2}, {"4.7.2", 1, 1}, {"4.7.3", 1, 4},
	{"4.8.2", 1, 6}, {"4.9.0", 1, 3}, {"4.12.0", 1, 7}, {"4.12.1", 1, 2},
	{"4.13.1", 1, 1}, {"4.13.2", 1, 1},
	{"6.0.0", 1, 4},
}

// sections3 is appendix B of MQTT 3.1.1: 141 statements.
var sections3 = []section{
	{"1.5.3", 1, 3}, {"2.2.2", 1, 2}, {"2.3.1", 1, 7},
	{"3.1.0", 1, 2}, {"3.1.2", 1, 24}, {"3.1.3", 1, 11}, {"3.1.4", 1, 5},
	{"3.2.0", 1, 1}, {"3.2.2", 1, 6},
	{"3.3.1", 1, 12}, {"3.3.2", 1, 3}, {"3.3.4", 1, 1}, {"3.3.5", 1, 2},
	{"3.6.1", 1, 1},
	{"3.8.1", 1, 1}, {"3.8.3", 1, 4}, {"3.8.4", 1, 6}, {"3.9.3", 1, 2},
	{"3.10.1", 1, 1}, {"3.10.3", 1, 2}, {"3.10.4", 1, 6},
	{"3.12.4", 1, 1}, {"3.14.1", 1, 1}, {"3.14.4", 1, 3},
	{"4.1.0", 1, 2}, {"4.3.1", 1, 1}, {"4.3.2", 1, 2}, {"4.3.3", 1, 2},
	{"4.4.0", 1, 1}, {"4.5.0", 1, 2}, {"4.6.0", 1, 6},
	{"4.7.1", 1, 3}, {"4.7.2", 1, 1}, {"4.7.3", 1, 4}, {"4.8.0", 1, 2},
	{"6.0.0", 1, 4},
	{"7.0.0", 1, 2}, {"7.1.1", 1, 1}, {"7.1.2", 1, 1},
}
