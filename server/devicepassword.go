package server

import "gridmq/identity"

// NewDevicePassword makes a password for a device, and the hash that a client of the
// registry gets as properties.gridmq.passwordHash.
func NewDevicePassword() (password, hash string) {
	password = identity.GeneratePassword()
	return password, string(identity.HashPassword([]byte(password)))
}
