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

// FieldErrors lists the *FieldErrors in err, however they are joined.
func FieldErrors(err error) (list []*FieldError) {
	switch e := err.(type) {
	case nil:
	case *FieldError:
		list = append(list, e)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			list = append(list, FieldErrors(one)...)
		}
	case interface{ Unwrap() error }:
		list = FieldErrors(e.Unwrap())
	}
	return list
}

// ErrNameTaken is returned for an authentication name that another client has, in
// any spelling.
var ErrNameTaken = errors.New("the authentication name belongs to another client")
