package identity

import "errors"

// A FieldError says which member of a resource's properties cannot be accepted,
// and why. Several are joined with errors.Join.
type FieldError struct {
	Field  string // its path below properties, as "clientCertificateAuthentication.validationScheme"
	Reason string // what is wrong and what is wanted
}

func (e *FieldError) Error() string { return "properties." + e.Field + ": " + e.Reason }

// ErrNameTaken is returned for an authentication name that another client has, in
// any spelling.
var ErrNameTaken = errors.New("the authentication name belongs to another client")
