// Package dashboard serves the console, a web application that is built from web/
// and embedded. It speaks only to the management API, with the token that the
// operator gives it; this package knows nothing of either.
//
// A binary that was built without Node.js has no console: then the page says how to
// get it.
//
// Source: design.md, sections 2 and 7; Content Security Policy Level 3.
package dashboard
