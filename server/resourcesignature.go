package server

import (
	"errors"

	"gridmq/broker"
	"gridmq/identity"
	"gridmq/mqtt"
	"gridmq/session"
)

// Classes of errors (spec/limits-and-metrics.md, section 3).
const (
	quotaExceeded       = "QuotaExceeded"
	authenticationError = "AuthenticationError"
	authorizationError  = "AuthorizationError"
	clientError         = "ClientError"
	serviceError        = "ServiceError"
)

// signatures are the classes of the codes with which something is refused.
var signatures = classes{
	mqtt.QuotaExceeded: quotaExceeded, mqtt.MessageRateTooHigh: quotaExceeded, mqtt.ConnectionRateExceeded: quotaExceeded,
	mqtt.ReceiveMaximumExceeded: quotaExceeded, mqtt.PacketTooLarge: quotaExceeded,
	mqtt.BadUserNameOrPassword: authenticationError, mqtt.BadAuthenticationMethod: authenticationError,
	mqtt.NotAuthorized: authorizationError, mqtt.Banned: authorizationError,
	mqtt.UnspecifiedError: serviceError, mqtt.ImplementationSpecificError: serviceError, mqtt.ServerUnavailable: serviceError,
	mqtt.ServerBusy: serviceError, mqtt.ServerShuttingDown: serviceError,
}

type classes [256]string

func init() {
	for i := range signatures {
		if signatures[i] == "" { // the client's fault, or what it should not have asked for
			signatures[i] = clientError
		}
	}
}

// signatureOf is the class of a refused CONNECT. Whoever is not known has not been
// authenticated, whatever code that is told by.
func signatureOf(err error) string {
	if e, ok := errors.AsType[*identity.Error](err); ok && e.Kind != identity.Unavailable && e.Kind != identity.Overloaded {
		return authenticationError
	}
	if e, ok := errors.AsType[*mqtt.Error](err); ok {
		return signatures[e.Code]
	}
	return clientError
}

// losses are why messages were not delivered.
var losses = map[session.Reason]struct{ signature, description string }{
	session.Refused:   {clientError, "Delivery failed: the client has refused the message"},
	session.Expired:   {clientError, "Delivery failed: the message has expired"},
	session.TooLarge:  {clientError, "Delivery failed: the message is larger than the client takes"},
	session.Overflow:  {quotaExceeded, "Delivery failed: the session queue is full"},
	session.Withdrawn: {authorizationError, "Delivery failed: the subscription or its right has gone"},
}

// endings are the causes of gridmq_disconnects_total. Without a class the client has ended
// the connection itself, as it should. Without a text the error says more.
var endings = map[string]struct{ signature, description string }{
	"client_disconnect": {}, "closed": {},
	"keep_alive":      {clientError, "Timed out per negotiated Keep Alive"},
	"connection_lost": {clientError, "Connection lost without DISCONNECT"},
	"protocol_error":  {signature: clientError},
	"connect_timeout": {signature: clientError},
	"refused":         {signature: clientError},
	"taken_over":      {clientError, "Session taken over by another connection"},
	"queue_overflow":  {quotaExceeded, "Session queue is full"},
	"authentication":  {authenticationError, "Credential has ended, or the client was changed"},
	"authorization":   {authorizationError, "A subscription is not allowed any more"},
	"address":         {authorizationError, "Connections from this address are not allowed any more"},
	"administrative":  {clientError, "Ended by an operator"},
	"shutdown":        {serviceError, "The server is shutting down"},
	"store_error":     {serviceError, "The store has failed"},
	broker.Crashed:    {serviceError, "The server ended unexpectedly"},
}
