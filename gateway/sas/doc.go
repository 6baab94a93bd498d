// Package sas reads shared access signatures: texts "r=<resource>&e=<expiry>&s=<signature>"
// that the holder of an access key makes, to let somebody else in for a while.
//
// It is pure: the clock is an argument. [Parse] reads a text, [Token.Signed] says by
// whom, [Token.Valid] until when, [Token.Resource] for what. All three must be asked.
//
// Units: times are UTC. Errors: Parse says what is wrong with a text, and never
// repeats any of it. Tokens print as a stand-in.
// Source: spec/namespace-topics.md, section 4.3.
package sas
