package lifecycle

import "gridmq/mqtt"

// A Reason says why a connection ended (section 4). The zero value is ServerError: a
// reason that nobody gave is our mistake.
type Reason uint8

const (
	ServerError               Reason = iota // unexpected
	ClientAuthenticationError               // the credential is no longer good, the client was disabled or changed
	ClientAuthorizationError                // what it may do was changed, or it did what it may not
	ClientError                             // a bad request, or one for what there is not
	ClientInitiatedDisconnect               // DISCONNECT, or a close frame of WebSocket
	ConnectionLost                          // the network's doing
	IPForbidden                             // an address that is not let in
	QuotaExceeded                           // a limit ended the connection
	ServerInitiatedDisconnect               // in good order, for reasons of operation
	SessionOverflow                         // the queue of messages is full
	SessionTakenOver                        // the session was connected again
)

var reasonNames = [...]string{
	ServerError: "ServerError", ClientAuthenticationError: "ClientAuthenticationError", ClientAuthorizationError: "ClientAuthorizationError",
	ClientError: "ClientError", ClientInitiatedDisconnect: "ClientInitiatedDisconnect", ConnectionLost: "ConnectionLost",
	IPForbidden: "IpForbidden", QuotaExceeded: "QuotaExceeded", ServerInitiatedDisconnect: "ServerInitiatedDisconnect",
	SessionOverflow: "SessionOverflow", SessionTakenOver: "SessionTakenOver",
}

// String is the reason as events have it.
func (r Reason) String() string { return reasonNames[r] }

// An Ending is how a connection ended. Code is that of the DISCONNECT which the broker
// sent, or would have sent to a client of 3.1.1; it does not say everything.
type Ending struct {
	By    Side
	Code  mqtt.Code
	About Matter
}

// A Side is who ended a connection.
type Side uint8

const (
	ByBroker  Side = iota // with Code
	ByClient              // with DISCONNECT, whatever its code, or a close frame
	ByNetwork             // the socket was gone
)

// A Matter tells apart what the broker ends with the same code.
type Matter uint8

const (
	Unknown    Matter = iota // what the code means usually
	Credential               // 0x87 since the credential or the client is not good any more
	Address                  // 0x87 since connections from there are not allowed
	Queue                    // 0x97 since the queue of the session is full
)

// Reason is the one to tell (section 10 of mqtt-protocol.md).
func (e Ending) Reason() Reason {
	switch {
	case e.By == ByClient:
		return ClientInitiatedDisconnect
	case e.By == ByNetwork:
		return ConnectionLost
	case e.About == Credential:
		return ClientAuthenticationError
	case e.About == Address:
		return IPForbidden
	case e.About == Queue:
		return SessionOverflow
	}
	return ofCode(e.Code)
}

func ofCode(c mqtt.Code) Reason {
	switch c {
	case mqtt.NotAuthorized:
		return ClientAuthorizationError
	case mqtt.BadUserNameOrPassword, mqtt.BadAuthenticationMethod, mqtt.Banned, mqtt.MaximumConnectTime:
		return ClientAuthenticationError
	case mqtt.SessionTakenOver:
		return SessionTakenOver
	case mqtt.ReceiveMaximumExceeded, mqtt.MessageRateTooHigh, mqtt.QuotaExceeded, mqtt.ConnectionRateExceeded:
		return QuotaExceeded
	case mqtt.Success, mqtt.ServerUnavailable, mqtt.ServerBusy, mqtt.ServerShuttingDown, mqtt.AdministrativeAction,
		mqtt.UseAnotherServer, mqtt.ServerMoved:
		return ServerInitiatedDisconnect
	case mqtt.MalformedPacket, mqtt.ProtocolError, mqtt.ImplementationSpecificError, mqtt.UnsupportedProtocolVersion,
		mqtt.ClientIdentifierNotValid, mqtt.KeepAliveTimeout, mqtt.TopicFilterInvalid, mqtt.TopicNameInvalid,
		mqtt.PacketIdentifierInUse, mqtt.PacketIdentifierNotFound, mqtt.TopicAliasInvalid, mqtt.PacketTooLarge,
		mqtt.PayloadFormatInvalid, mqtt.RetainNotSupported, mqtt.QoSNotSupported, mqtt.SharedSubscriptionsNotSupported,
		mqtt.SubscriptionIdentifiersNotSupported, mqtt.WildcardSubscriptionsNotSupported:
		return ClientError
	}
	return ServerError
}
