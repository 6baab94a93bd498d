// Package packaging tries what is shipped: the archives and packages of make dist, the
// image's build steps, the service unit, the compose file and the Helm chart.
//
// No container engine and no init system is needed: what they would do is done by the
// tests, step by step, in a clean folder.
package packaging
