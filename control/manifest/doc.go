// Package manifest reads and writes files that describe resources: for gridmq apply,
// delete and export.
//
// A file is YAML or JSON and has any number of documents. A document is one of
//
//   - kind, namespace, name and properties, as export writes it;
//   - a template of Azure Resource Manager: an object with resources, whose
//     parameters, variables and simple expressions are resolved;
//   - a resource as Resource Manager shows it: id, type and properties;
//   - a list of those.
//
// The package is pure: it opens the files it is told to, and speaks to nobody.
//
// Errors: Faults, each with file, document, line and field. Files are untrusted:
// size, depth and what aliases and loops may make of them are bounded.
// Source: spec/control-plane.md, sections 1, 4 and 9.1.
package manifest
