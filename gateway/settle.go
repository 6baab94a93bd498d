package gateway

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"strings"
	"time"

	"gridmq/delivery"
	"gridmq/event/rawjson"
)

const (
	maxTokens     = 1000    // in one request
	maxSettlement = 1 << 20 // bytes of its body
)

// settle acknowledges, releases, rejects or renews (section 9.2).
func (c *call) settle() error {
	if c.queue.Mode() == delivery.Push {
		return wrongMode()
	}
	delay, err := c.releaseDelay()
	if err != nil {
		return err
	}
	if err := c.checkType(); err != nil {
		return err
	}
	body, err := c.readBody(maxSettlement)
	if err != nil {
		return err
	}
	tokens, bad := readTokens(body)
	if bad != nil {
		return bad
	}
	c.failed = len(tokens)
	if !c.tenant.take(&c.tenant.egress, len(tokens), len(body)) {
		return throttled()
	}
	list, err := c.settleTokens(tokens, delay)
	if err != nil {
		return err
	}
	c.failed = 0
	for i := range list {
		if list[i].Code == delivery.OK {
			c.succeeded++
		} else {
			c.failed++
		}
	}
	c.answer(http.StatusOK, appendSettlements(make([]byte, 0, 1024), list, c.version == flatVersion))
	return nil
}

func (c *call) settleTokens(tokens []string, delay time.Duration) ([]delivery.Settlement, error) {
	if len(tokens) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), callTimeout)
	defer cancel()
	switch c.target.op {
	case Acknowledge:
		return c.queue.Acknowledge(ctx, tokens)
	case Release:
		return c.queue.Release(ctx, tokens, delay)
	case Reject:
		return c.queue.Reject(ctx, tokens)
	}
	return c.queue.RenewLock(ctx, tokens)
}

// releaseDelay reads releaseDelayInSeconds, which only a release has.
func (c *call) releaseDelay() (time.Duration, error) {
	if c.target.op != Release {
		return 0, nil
	}
	text, given, bad := c.query.text("releaseDelayInSeconds")
	if bad != nil {
		return 0, bad
	}
	delay, known := map[string]time.Duration{"0": 0, "10": 10, "60": 60, "600": 600, "3600": 3600}[text]
	if given && !known {
		return 0, badRequest("The query parameter `releaseDelayInSeconds` must be 0, 10, 60, 600 or 3600.")
	}
	return delay * time.Second, nil
}

// checkType tolerates a missing type; JSON has no charset but UTF-8.
func (c *call) checkType() error {
	text := c.r.Header.Get("Content-Type")
	if text == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(text)
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return Refuse(http.StatusUnsupportedMediaType, "The body must be JSON: send it as application/json.")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return Refuse(http.StatusUnsupportedMediaType, "Only the charset UTF-8 is supported: send the body in UTF-8 and leave the charset out.")
	}
	return nil
}

// readTokens reads {"lockTokens":["..."]}. Names of members ignore case; a token that
// occurs twice is taken once.
func readTokens(body []byte) ([]string, *Error) {
	var in struct{ LockTokens []*string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, badRequest("The body must be a JSON object as {\"lockTokens\":[\"...\"]}.")
	}
	if in.LockTokens == nil {
		return nil, badRequest("`lockTokens` must be an array of lock tokens.")
	}
	tokens := make([]string, 0, len(in.LockTokens))
	seen := make(map[string]bool, len(in.LockTokens))
	for i, token := range in.LockTokens {
		if token == nil {
			return nil, badRequest("`lockTokens[%d]` must be a string.", i)
		}
		if !seen[*token] {
			seen[*token] = true
			tokens = append(tokens, *token)
		}
	}
	if len(tokens) > maxTokens {
		return nil, badRequest("`lockTokens` has more than %d tokens: settle them in several requests.", maxTokens)
	}
	return tokens, nil
}

// appendSettlements appends the answer; both arrays are always there. flat adds the
// members that the first preview had.
func appendSettlements(b []byte, list []delivery.Settlement, flat bool) []byte {
	b = append(b, `{"succeededLockTokens":[`...)
	first := true
	for i := range list {
		if list[i].Code != delivery.OK {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		b, first = rawjson.AppendQuoted(b, list[i].LockToken), false
	}
	b = append(b, `],"failedLockTokens":[`...)
	first = true
	for i := range list {
		if list[i].Code == delivery.OK {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		b, first = appendFailure(b, list[i], flat), false
	}
	return append(b, "]}"...)
}

func appendFailure(b []byte, s delivery.Settlement, flat bool) []byte {
	code := s.Code.String()
	b = rawjson.AppendQuoted(append(b, `{"lockToken":`...), s.LockToken)
	b = rawjson.AppendQuoted(append(b, `,"error":{"code":`...), code)
	b = rawjson.AppendQuoted(append(b, `,"message":`...), s.Message)
	b = append(b, '}')
	if flat {
		b = rawjson.AppendQuoted(append(b, `,"errorCode":`...), code)
		b = rawjson.AppendQuoted(append(b, `,"errorDescription":`...), s.Message)
	}
	return append(b, '}')
}
