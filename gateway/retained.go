package gateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gridmq/topic"
)

// getRetained answers with the payload as it is; all else is in headers
// (retain-and-http-publish.md, section 2.1).
func (c *call) getRetained() error {
	name, _, bad := c.query.text("topic")
	if bad != nil {
		return bad
	}
	if err := topic.ValidName(name); err != nil {
		return badRequest("The query parameter `topic` must be the name of an MQTT topic, percent-encoded: %v.", strings.TrimPrefix(err.Error(), "topic: "))
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), callTimeout)
	defer cancel()
	m, found, err := c.g.o.Retained.Get(ctx, c.ns.Name, name)
	if err != nil {
		return err
	}
	if !found {
		return Refuse(http.StatusNotFound, "There is no retained message on this topic.")
	}
	c.succeeded = 1
	h := c.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("x-ms-mqtt-topic", headerText(m.Topic))
	h.Set("x-ms-mqtt-qos", strconv.Itoa(int(m.QoS)))
	h.Set("x-ms-mqtt-size", strconv.Itoa(m.Size))
	if !m.Expires.IsZero() {
		h.Set("x-ms-mqtt-expiry", iso(m.Expires))
	}
	h.Set("x-ms-mqtt-last-modified", iso(m.Modified))
	if m.ContentType != "" {
		h.Set("mqtt-content-type", headerText(m.ContentType))
	}
	if len(m.UserProperties) > 0 {
		pairs := make([]map[string]string, len(m.UserProperties))
		for i, u := range m.UserProperties {
			pairs[i] = map[string]string{u.Name: u.Value}
		}
		doc, _ := json.Marshal(pairs) // texts only: never fails
		h.Set("mqtt-user-properties", base64.StdEncoding.EncodeToString(doc))
	}
	c.write(http.StatusOK, m.Payload)
	return nil
}

// headerText is a text of MQTT in a header: as it is where that can be, else
// percent-encoded, since a header has no characters beyond ASCII and no line breaks.
func headerText(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '%' }) || strings.TrimSpace(s) != s {
		return url.PathEscape(s)
	}
	return s
}

func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// listRetained answers with a page of the messages that a filter matches (section 2.2).
func (c *call) listRetained() error {
	limit, bad := c.query.number("maxResults", 1, 100, 100)
	if bad != nil {
		return bad
	}
	from, bad := c.listFrom()
	if bad != nil {
		return bad
	}
	if err := topic.ValidFilter(from.Filter); err != nil {
		return badRequest("The query parameter `topicFilter` must be an MQTT topic filter, percent-encoded: %v.", strings.TrimPrefix(err.Error(), "topic: "))
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), callTimeout)
	defer cancel()
	list, more, err := c.g.o.Retained.List(ctx, c.ns.Name, from.Filter, from.After, limit)
	if err != nil {
		return err
	}
	c.succeeded = len(list)
	type entry struct {
		Topic    string  `json:"topic"`
		QoS      byte    `json:"qos"`
		Size     int     `json:"size"`
		Expiry   *string `json:"expiry"`
		Modified string  `json:"lastModifiedTime"`
	}
	page := struct {
		Next     *string `json:"nextLink"`
		Messages []entry `json:"retainedMessages"`
	}{Messages: make([]entry, len(list))}
	for i, m := range list {
		page.Messages[i] = entry{m.Topic, m.QoS, m.Size, nil, iso(m.Modified)}
		if !m.Expires.IsZero() {
			expiry := iso(m.Expires)
			page.Messages[i].Expiry = &expiry
		}
	}
	if more && len(list) > 0 {
		next := c.nextLink(continuation{from.Filter, list[len(list)-1].Topic}, limit)
		page.Next = &next
	}
	body, _ := json.Marshal(page) // texts and numbers: never fails
	c.answer(http.StatusOK, body)
	return nil
}

// A continuation says where a list goes on. It is no secret and no right: rights are
// asked for again.
type continuation struct {
	Filter string `json:"f"`
	After  string `json:"a"`
}

// listFrom reads where to begin: a filter, or the token of a link, not both.
func (c *call) listFrom() (continuation, *Error) {
	filter, filtered, bad := c.query.text("topicFilter")
	if bad != nil {
		return continuation{}, bad
	}
	token, continued, bad := c.query.text("continuationToken")
	switch {
	case bad != nil:
		return continuation{}, bad
	case filtered == continued:
		return continuation{}, badRequest("The query must have either `topicFilter` or `continuationToken`.")
	case filtered:
		return continuation{Filter: filter}, nil
	}
	return readContinuation(token)
}

func readContinuation(token string) (from continuation, bad *Error) {
	doc, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(doc, &from)
	}
	if err != nil || topic.ValidName(from.After) != nil || topic.ValidFilter(from.Filter) != nil {
		return continuation{}, badRequest("The query parameter `continuationToken` must be that of a nextLink.")
	}
	return from, nil
}

// nextLink is a whole URL, by the address that the client used.
func (c *call) nextLink(from continuation, limit int) string {
	doc, _ := json.Marshal(from)
	u := url.URL{Scheme: "http", Host: c.r.Host, Path: c.r.URL.Path, RawPath: c.r.URL.RawPath}
	if c.r.TLS != nil {
		u.Scheme = "https"
	}
	if at, ok := c.peer(); ok && c.g.isProxy(at) {
		if proto := c.r.Header.Get("X-Forwarded-Proto"); proto == "http" || proto == "https" {
			u.Scheme = proto
		}
		if host := c.r.Header.Get("X-Forwarded-Host"); host != "" && !strings.ContainsFunc(host, notInHost) {
			u.Host = host
		}
	}
	q := url.Values{"continuationToken": {base64.RawURLEncoding.EncodeToString(doc)}, "maxResults": {strconv.Itoa(limit)}, "api-version": {c.version}}
	u.RawQuery = q.Encode()
	return u.String()
}

func notInHost(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`/?#@\%"<>`, r) }
