package identity

import "errors"

// A FieldError says which member of a resource's properties cannot be accepted,
// and why. Several are joined with errors.Join.
type FieldError struct {
	// Field is its path below properties, as "clientCertificateAuthentication.validationScheme".
	// It is empty for the properties as a whole, and "name" for the resource's name.
	Field  string
	Reason string // what is wrong and what is wanted
}

func (e *FieldError) Error() string {
	switch e.Field {
	case "":
		return "properties: " + e.Reason
	case "name":
		return "name: " + e.Reason
	}
	return "properties." + e.Field + ": " + e.Reason
}

// ErrNameTaken is returned for an authentication name that another client has, in
// any spelling.
var ErrNameTaken = errors.New("the authentication name belongs to another client")
