package control

import (
	"context"
	"net/http"
	"time"
)

// streamPatience is how long a reader of a stream may not read.
const streamPatience = time.Minute

// A stream is an answer that goes on for as long as somebody reads it.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	ctx     context.Context // of the reader; to tell a write that it is over
}

// stream begins one. The time limits of other requests end, and each write has its own.
func (c *call) stream(media string) *stream {
	s := &stream{w: c.w, control: http.NewResponseController(c.w), ctx: c.endless}
	// What cannot be set (in tests) does not limit either.
	_ = s.control.SetReadDeadline(time.Time{}) // it would end the request's context
	s.extend()
	c.w.Header().Set("Content-Type", media)
	c.status = http.StatusOK
	c.w.WriteHeader(c.status)
	return s
}

func (s *stream) extend() { _ = s.control.SetWriteDeadline(time.Now().Add(streamPatience)) }

// Write writes within streamPatience.
func (s *stream) Write(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	s.extend()
	return s.w.Write(b)
}
