package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// drained is how much of a body is read before an error is answered: clients that
// still send see a connection reset otherwise (section 6).
const drained = 2 << 20

// readBody takes the body in: at most limit bytes, sent in time, not compressed.
func (c *call) readBody(limit int) ([]byte, error) {
	if coding := c.r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, Refuse(http.StatusUnsupportedMediaType, "The body must not be compressed: send it without Content-Encoding.")
	}
	if c.r.ContentLength > int64(limit) {
		return nil, tooLarge(limit)
	}
	room := 512
	if c.r.ContentLength > 0 {
		room = int(c.r.ContentLength) + 1 // one more, to see the end
	}
	body := make([]byte, 0, room)
	for {
		n, err := c.r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > limit:
			return nil, tooLarge(limit)
		case err == io.EOF:
			c.bodyDone()
			return body, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.bodyRead = true // nothing more will come
			return nil, c.late()
		case err != nil:
			c.bodyRead = true
			return nil, badRequest("The body did not arrive as a whole.")
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

func tooLarge(limit int) *Error {
	return Refuse(http.StatusRequestEntityTooLarge, "The body is larger than %d bytes: send less in one request.", limit)
}

// bodyDone takes the deadline away: it would end the request's context while a receive
// waits.
func (c *call) bodyDone() {
	c.bodyRead = true
	_ = c.control.SetReadDeadline(time.Time{}) // where there is none, there was none
}

// drain reads what is left of the body and forgets it, within reason. A client that
// waits for "100 Continue" has not sent it.
func (c *call) drain() {
	if c.bodyRead || c.r.ContentLength > drained || c.r.Header.Get("Expect") != "" {
		return
	}
	c.bodyRead = true
	_, _ = io.CopyN(io.Discard, c.r.Body, drained)
}

// ignoreBody reads the body to its end: before, nobody learns that the client left.
func (c *call) ignoreBody() error {
	n, err := io.Copy(io.Discard, io.LimitReader(c.r.Body, drained))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.bodyRead = true
		return c.late()
	case err != nil:
		c.bodyRead = true
		return badRequest("The body did not arrive as a whole.")
	case n == drained:
		c.bodyRead = true
		return tooLarge(drained)
	}
	c.bodyDone()
	return nil
}

func (c *call) late() error {
	return Refuse(http.StatusRequestTimeout, "The body did not arrive within %v.", c.g.o.BodyTimeout)
}
