package identity

import "time"

// A Method is how a client proved who it is.
type Method uint8

const (
	Anonymous      Method = iota
	Certificate           // X.509, in the registry
	Password              // in the registry
	DirectoryToken        // OAUTH2-JWT: rights come from role assignments
	CustomToken           // CUSTOM-JWT
	Webhook
	Bridge // of our own, to another broker
)

func (m Method) String() string {
	return [...]string{"anonymous", "certificate", "password", "directory token", "custom token", "webhook", "bridge"}[m]
}

// A Principal is who a client has been found to be, until its connection ends or
// it authenticates again. It does not change.
type Principal struct {
	// Name is the client authentication name in its original spelling.
	Name   string
	Method Method
	// Client is the name of the registry entry; empty when there is none.
	Client     string
	Attributes Attributes
	// Object is the object id in the directory, of a DirectoryToken: what role
	// assignments name. Groups are the directory's groups of it.
	Object string
	Groups []string
	// Expires is when the credential ends, and the connection with it. Zero: never.
	Expires time.Time
	// Thumbprint is the SHA-256 of the client's certificate, in hex, if it sent one.
	Thumbprint string
}
