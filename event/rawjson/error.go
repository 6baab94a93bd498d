package rawjson

import "fmt"

// An Error says where and why bytes are not the JSON that we read.
type Error struct {
	Offset int // of the byte at which reading stopped
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }
