// Package console tests the console in a browser: Debian's Chromium, driven by
// playwright-core from a Node.js program, against a broker in the test's process.
//
// It skips where one of them is missing, or where the console was not built; in CI that
// is a failure. axe-core looks whether everybody can use the pages. With
// GRIDMQ_SCREENSHOTS=folder it leaves pictures of every page, light and dark, wide and narrow.
package console
