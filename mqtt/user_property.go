package mqtt

// FindUserProperty is the value of the first user property of that name in props, checked
// ones of a PUBLISH in their encoded form; nil if there is none. It allocates nothing, and
// the value aliases props.
func FindUserProperty(props []byte, name string) []byte {
	for b := props; len(b) > 0; {
		id := PropID(b[0])
		b = b[1:]
		n := valueSize(id, b)
		if id == PropUserProperty {
			k := scanLength(b)
			if string(b[2:k]) == name {
				return b[k+2 : n : n]
			}
		}
		b = b[n:]
	}
	return nil
}
