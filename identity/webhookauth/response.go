package webhookauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gridmq/identity"
	"gridmq/identity/strictjson"
	"gridmq/internal/outbound"
)

// A decision is an answer in the documented form.
type decision struct {
	Deny       bool
	Reason     string // of a denial, for our log
	Name       string
	Attributes identity.Attributes
	Expires    time.Time // zero: never
}

// decodeAnswer reads an answer. Allow counts with 200 only, deny with 400 or 200
// (spec/identity.md, section 7.3). Everything else is a failure, for which nobody
// gets in.
func decodeAnswer(a *outbound.Answer) (*decision, error) {
	if a.Status != http.StatusOK && a.Status != http.StatusBadRequest {
		return nil, &failure{status: a.Status, class: "Status", err: errors.New("want 200 for allow or 400 for deny, not " + strconv.Itoa(a.Status))}
	}
	if t := a.Header.Get("Content-Type"); !outbound.IsJSON(t) {
		return nil, unexpected(a.Status, "the Content-Type is %.60q, want application/json", t)
	}
	m, err := strictjson.Rules{Depth: 8}.Object(a.Body)
	if err != nil {
		return nil, unexpected(a.Status, "the body: %w", err)
	}
	switch said, _ := text(m["decision"]); {
	case said == "deny":
		reason, _ := text(m["errorReason"])
		return &decision{Deny: true, Reason: clean(reason)}, nil
	case said != "allow":
		return nil, unexpected(a.Status, `member "decision": want "allow" or "deny"`)
	case a.Status != http.StatusOK:
		return nil, unexpected(a.Status, "allow with status %d, want 200", a.Status)
	}
	d, err := decodeAllow(m)
	if err != nil {
		return nil, unexpected(a.Status, "%w", err)
	}
	return d, nil
}

func decodeAllow(m map[string]json.RawMessage) (d *decision, err error) {
	d = &decision{}
	if d.Name, err = text(m["clientAuthenticationName"]); err != nil {
		return nil, errors.New(`member "clientAuthenticationName": want a string`)
	}
	if reason := identity.CheckAuthenticationName(d.Name); reason != "" || strings.ContainsRune(d.Name, 0) {
		return nil, errors.New(`member "clientAuthenticationName": want 1 to 128 characters without NUL`)
	}
	if raw := m["attributes"]; given(raw) {
		if raw[0] != '{' {
			return nil, errors.New(`member "attributes": want an object`)
		}
		if d.Attributes, err = identity.ParseAttributes(raw, true); err != nil {
			return nil, errors.New(`member "attributes": want less than 4096 bytes`)
		}
	}
	d.Expires, err = expiration(m["expiration"])
	return d, err
}

// given says whether an optional member is there; null is not.
func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

func text(raw json.RawMessage) (s string, err error) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", errors.New("want a string")
	}
	return s, json.Unmarshal(raw, &s)
}

// endOfTime is the last second of the year 9999.
const endOfTime = 253402300799

// expiration reads Unix seconds, as a number or as text. What cannot be read must
// not become "never".
func expiration(raw json.RawMessage) (t time.Time, err error) {
	if !given(raw) {
		return t, nil
	}
	digits := string(raw)
	if raw[0] == '"' {
		if digits, err = text(raw); err != nil {
			return t, err
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > endOfTime {
		return t, errors.New(`member "expiration": want seconds since 1970`)
	}
	return time.Unix(n, 0), nil
}
