package server

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"gridmq/broker"
	"gridmq/identity"
	"gridmq/internal/settings"
	"gridmq/mqtt"
	"gridmq/server/resourcelog"
	"gridmq/session"
)

// Resource logs are made of what the broker and the gateway tell.

const (
	resourceOut  = "-" // standard output
	farewellLogs = 5 * time.Second
)

func checkResourceLog(c *ResourceLog, l *settings.Loader) {
	for _, one := range c.Categories {
		if !slices.Contains(resourcelog.Categories(), resourcelog.Category(one)) {
			l.Problem("log.resource.categories", "there is no category %q", one)
		}
	}
	if c.Queue < 1 || c.Queue > 1_000_000 {
		l.Problem("log.resource.queue", "want 1 to 1000000 records")
	}
	if c.Every <= 0 {
		l.Problem("log.resource.every", "want a duration above zero")
	}
}

// openResourceLog begins to write, if that is configured.
func (s *Server) openResourceLog() error {
	c := &s.cfg.Log.Resource
	if c.File == "" {
		return nil
	}
	o := resourcelog.Options{File: c.File, Queue: c.Queue, Every: c.Every, Log: s.log, Registerer: s.registry}
	if c.File == resourceOut {
		o.Out = io.Writer(os.Stdout)
	}
	for _, one := range c.Categories {
		o.Categories = append(o.Categories, resourcelog.Category(one))
	}
	if len(o.Categories) == 0 {
		o.Categories = resourcelog.Categories()
	}
	l, err := resourcelog.Open(o)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resources = l
	return err
}

// A chronicler tells the tenants, and writes resource logs. It is broker.Observer and
// broker.Witness.
type chronicler struct {
	broker.Observer
	s   *Server
	log *resourcelog.Log
}

// Connected implements broker.Observer.
func (c chronicler) Connected(v broker.Visit) {
	c.Observer.Connected(v)
	if !c.log.Wants(resourcelog.SuccessfulConnections) {
		return
	}
	r := c.record(v, resourcelog.SuccessfulConnections, "connect")
	r.Identity, r.ResultType = c.identity(v), resourcelog.Succeeded
	c.log.Add(r)
}

// Refused implements broker.Observer. What did not even speak MQTT is no client.
func (c chronicler) Refused(v broker.Visit, err error) {
	c.Observer.Refused(v, err)
	if v.Version == 0 || !c.log.Wants(resourcelog.FailedConnections) {
		return
	}
	r := c.record(v, resourcelog.FailedConnections, "connect")
	r.Identity = c.identity(v)
	r.ResultSignature, r.ResultDescription = signatureOf(err), reasonOf(err)
	c.log.Add(r)
}

// Disconnected implements broker.Observer.
func (c chronicler) Disconnected(v broker.Visit, why string, err error) {
	c.Observer.Disconnected(v, why, err)
	if !c.log.Wants(resourcelog.Disconnections) {
		return
	}
	r := c.record(v, resourcelog.Disconnections, "disconnect")
	r.Identity.ClientIdentity = nameOf(v)
	e := endings[why]
	if r.ResultSignature = e.signature; e.signature == "" {
		r.ResultType = resourcelog.Succeeded
	} else {
		r.ResultDescription = e.description
		if r.ResultDescription == "" && err != nil && err != io.EOF {
			r.ResultDescription = reasonOf(err)
		}
		if r.ResultDescription == "" {
			r.ResultDescription = why
		}
	}
	c.log.Add(r)
}

// PublishRefused implements broker.Witness.
func (c chronicler) PublishRefused(v broker.Visit, topic string, qos byte, code mqtt.Code, reason string) {
	if !c.log.Wants(resourcelog.FailedPublishes) {
		return
	}
	r := c.record(v, resourcelog.FailedPublishes, "publish")
	r.Identity.ClientIdentity = nameOf(v)
	r.ResultSignature, r.ResultDescription = signatures[code], reason
	if code == mqtt.NotAuthorized {
		r.ResultDescription = "Topic name '" + resourcelog.Bounded(topic) + "' does not match any topicspaces"
	}
	r.Properties.TopicName, r.Properties.QoS = topic, &qos
	c.log.Add(r)
}

// DeliveryFailed implements broker.Witness. The category is that of publishes, as Event Grid
// has it; it is the receiver who is named.
func (c chronicler) DeliveryFailed(v broker.Visit, topic string, qos byte, why session.Reason) {
	if !c.log.Wants(resourcelog.FailedPublishes) {
		return
	}
	r := c.record(v, resourcelog.FailedPublishes, "publish")
	r.Identity.ClientIdentity = nameOf(v)
	lost := losses[why]
	r.ResultSignature, r.ResultDescription = lost.signature, lost.description
	r.Properties.TopicName, r.Properties.QoS = topic, &qos
	c.log.Add(r)
}

// SubscribeRefused implements broker.Witness.
func (c chronicler) SubscribeRefused(v broker.Visit, of mqtt.Type, filters []string, code mqtt.Code) {
	if !c.log.Wants(resourcelog.FailedSubscriptions) {
		return
	}
	operation := "subscribe"
	if of == mqtt.UNSUBSCRIBE {
		operation = "unsubscribe"
	}
	r := c.record(v, resourcelog.FailedSubscriptions, operation)
	r.Identity.ClientIdentity = nameOf(v)
	r.ResultSignature, r.ResultDescription = signatures[code], code.String()
	bounded := make([]string, min(len(filters), maxFilters))
	for i := range bounded {
		bounded[i] = resourcelog.Bounded(filters[i])
	}
	if code == mqtt.NotAuthorized {
		r.ResultDescription = "Topic filter '" + strings.Join(bounded, "', '") + "' does not match any topicspaces"
	}
	r.Properties.TopicFilters = &bounded
	c.log.Add(r)
}

// maxFilters bounds the filters of one record.
const maxFilters = 100

// record is what all records of the broker have. They have failed unless somebody says
// otherwise.
func (c chronicler) record(v broker.Visit, category resourcelog.Category, operation string) resourcelog.Record {
	r := c.s.newRecord(v.Namespace, category, "topicspaces/"+operation)
	r.Properties.SessionName, r.Properties.Protocol = v.ClientID, protocolOf(v)
	return r
}

func (s *Server) newRecord(namespace string, category resourcelog.Category, operation string) resourcelog.Record {
	id, location := s.tenants.Place(namespace)
	if id == "" { // dev, or one that is none of ours
		id, location = "/namespaces/"+resourcelog.Bounded(namespace), "local"
	}
	return resourcelog.Record{ResourceID: strings.ToUpper(id), Location: location, Category: category, ResultType: resourcelog.Failed,
		OperationName: "Microsoft.EventGrid/" + operation}
}

func protocolOf(v broker.Visit) string {
	if v.Transport == broker.ByHTTP {
		return "http-publish"
	}
	name := "MQTT3"
	if v.Version == mqtt.V5 {
		name = "MQTT5"
	}
	if v.Transport == "ws" || v.Transport == "wss" {
		name += "-WS"
	}
	return name
}

func nameOf(v broker.Visit) string {
	switch {
	case v.Identity == nil:
		return v.Username
	case v.Identity.Principal != nil && v.Identity.Principal.Object != "":
		return v.Identity.Principal.Object
	}
	return v.Identity.Name
}

// identity is who a client has been found to be, or says that it is.
func (c chronicler) identity(v broker.Visit) resourcelog.Identity {
	i := resourcelog.Identity{ClientIdentity: nameOf(v)}
	if v.Identity == nil || v.Identity.Principal == nil {
		return i
	}
	i.Authority = "Local"
	switch p := v.Identity.Principal; p.Method {
	case identity.Certificate:
		i.AuthenticationType, i.IdentitySource = "CACertificate", "ClientCertificate"
		if c.s.tenants.ByThumbprint(v.Namespace, p) {
			i.AuthenticationType = "CertificateThumbprintMatch"
		}
	case identity.DirectoryToken:
		i.AuthenticationType, i.IdentitySource, i.Authority = "AccessToken", "JWT", "AAD"
	case identity.CustomToken:
		i.AuthenticationType, i.IdentitySource = "AccessToken", "JWT"
	case identity.Password:
		i.AuthenticationType, i.IdentitySource = "Password", "UserName"
	case identity.Webhook:
		i.AuthenticationType, i.IdentitySource = "Webhook", "Webhook"
	case identity.Bridge:
		i.AuthenticationType, i.IdentitySource = "Bridge", "Configuration"
	}
	return i
}

// reasonOf is what the operator should know.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*identity.Error](err); ok {
		return e.Error()
	}
	return broker.Reason(err)
}
