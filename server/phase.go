package server

// A phase of the node's life, as the health endpoint tells it.
type phase struct {
	name    string
	healthy bool // keep the process
	ready   bool // send it clients
}

var (
	starting = phase{"starting", true, false}
	ready    = phase{"ready", true, true}
	draining = phase{"draining", true, false}
	failed   = phase{"failed", false, false}
)
