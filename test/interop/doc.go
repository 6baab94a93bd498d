// Package interop drives GridMQ with Azure's own tools, unchanged: the SDK for Go of
// Event Grid's management plane (armeventgrid), its clients for the events of namespace
// topics in Go (aznamespaces) and JavaScript (javascript/events.mjs), and azidentity for
// tokens. What the SDK has made is then used by clients over MQTT and HTTP.
//
// The broker is the real program, built from this checkout, as a process of its own. It
// is a module of its own, as nobody else needs the SDK:
//
//	cd test/interop && go test -race ./...
//
// Sources: shared/spec/sdk-compatibility.md, control-plane.md, namespace-topics.md.
package interop
