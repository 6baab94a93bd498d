// Package interop drives GridMQ with Azure's own tools, unchanged: the SDK for Go of
// Event Grid's management plane (armeventgrid). What the SDK has made is then used by
// a client over MQTT.
//
// The broker is the real program, built from this checkout, as a process of its own. It
// is a module of its own, as nobody else needs the SDK:
//
//	cd test/interop && go test -race ./...
//
// Sources: shared/spec/sdk-compatibility.md, control-plane.md.
package interop
