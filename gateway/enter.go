package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"gridmq/delivery/sharedkey"
	"gridmq/gateway/sas"
	"gridmq/identity"
)

// Bearer judges bearer tokens of the directory (sections 4.4 and 4.5).
type Bearer interface {
	// Verify says who the token is of: signature, issuer, audience, time. An error is
	// an *identity.Error; Unavailable and Overloaded mean that nobody could tell.
	Verify(ctx context.Context, namespace string, token []byte) (*identity.Principal, error)
	// May says whether role assignments of the namespace give who a data action at a
	// scope, which is an ARM id; see access.RoleAssignment.Allows.
	May(who *identity.Principal, namespace, action, scope string) bool
}

// verifyTimeout bounds the wait for keys of an issuer.
const verifyTimeout = 10 * time.Second

// A caller is who a request is from.
type caller struct {
	name      string
	principal *identity.Principal // of a token
}

// enter finds out who the request is from, and whether it may.
func (c *call) enter() error {
	if c.ns.Open {
		c.caller.name = "anonymous"
		return nil
	}
	got, err := c.credential()
	if err != nil {
		return err
	}
	if got.kind == bearer {
		return c.enterByToken(got.text)
	}
	if !c.target.op.ofTopic() {
		return unauthorized("MQTT by HTTP takes a bearer token only.")
	}
	if c.ns.NoKeys {
		return unauthorized("The namespace takes bearer tokens only: access keys are switched off.")
	}
	if got.kind == signature {
		return c.enterBySignature(got.text)
	}
	return c.enterByKey(got)
}

func (c *call) enterByKey(got credential) error {
	good := false
	for _, keys := range []sharedkey.Keys{c.ns.Keys, c.topicKeys(c.target.topic)} {
		for _, text := range []string{got.text, got.or} { // always all of them
			good = keys.Matches(text) || good
		}
	}
	if !good {
		return unauthorized("The access key is none of this namespace or topic.")
	}
	c.caller.name = "key"
	return nil
}

func (c *call) topicKeys(topic string) sharedkey.Keys {
	if c.ns.TopicKeys == nil || topic == "" {
		return sharedkey.Keys{}
	}
	return c.ns.TopicKeys(topic)
}

// enterBySignature checks a shared access signature (section 4.3).
func (c *call) enterBySignature(text string) error {
	token, err := sas.Parse(text)
	if err != nil {
		return unauthorized("The credential was not understood: %v.", err)
	}
	good := false
	for _, keys := range []sharedkey.Keys{c.ns.Keys, c.topicKeys(token.Resource.Topic())} {
		for _, key := range keys {
			good = token.Signed(key) || good
		}
	}
	switch {
	case !good:
		return unauthorized("The shared access signature was not made with a key of this namespace or topic.")
	case !token.Valid(time.Now()):
		return unauthorized("The shared access signature has expired.")
	case !c.isHost(token.Resource.Host), token.Resource.Namespace != "" && token.Resource.Namespace != strings.ToLower(c.ns.Name):
		return unauthorized("The shared access signature is for another namespace.")
	case !token.Resource.Covers(c.target.path()):
		return forbidden("The shared access signature is for another topic or event subscription.")
	}
	c.caller.name = "sas"
	return nil
}

func (c *call) enterByToken(text string) error {
	if c.g.o.Bearer == nil {
		return unauthorized("Bearer tokens are not taken here: no issuer is configured.")
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), verifyTimeout)
	defer cancel()
	who, err := c.g.o.Bearer.Verify(ctx, c.ns.Name, []byte(text))
	if err != nil {
		c.g.log.Debug("bearer token refused", "request", strings.ToUpper(c.id), "namespace", c.ns.Name, "from", c.from, "err", err)
		if e, ok := errors.AsType[*identity.Error](err); ok && (e.Kind == identity.Unavailable || e.Kind == identity.Overloaded) {
			return busy("The token cannot be checked at the moment.")
		}
		return unauthorized("The token is not valid: want one of a trusted issuer, for the audience https://eventgrid.azure.net.")
	}
	if !who.Expires.IsZero() && !time.Now().Before(who.Expires) {
		return unauthorized("The token has expired.")
	}
	c.caller = caller{who.Object, who}
	action := kinds[c.target.op].action
	if action == "" || c.g.o.Bearer.May(who, c.ns.Name, action, c.scope()) {
		return nil
	}
	return Refuse(http.StatusForbidden, "A role with the data action %s is needed for this, at the topic or above.", action)
}

// scope is the ARM id that rights are asked for at.
func (c *call) scope() string {
	if !c.target.op.ofTopic() || c.custom != nil {
		return c.ns.ID
	}
	return c.ns.ID + "/topics/" + c.target.topic
}
