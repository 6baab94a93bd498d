package mqtt

import "fmt"

// A Code is a reason code (section 2.4): below 0x80 it went well.
type Code byte

// The reason codes, with the names of the specification. Some share a number.
const (
	Success                             Code = 0x00
	NormalDisconnection                 Code = 0x00
	GrantedQoS0                         Code = 0x00
	GrantedQoS1                         Code = 0x01
	GrantedQoS2                         Code = 0x02
	DisconnectWithWill                  Code = 0x04
	NoMatchingSubscribers               Code = 0x10
	NoSubscriptionExisted               Code = 0x11
	ContinueAuthentication              Code = 0x18
	ReAuthenticate                      Code = 0x19
	UnspecifiedError                    Code = 0x80
	MalformedPacket                     Code = 0x81
	ProtocolError                       Code = 0x82
	ImplementationSpecificError         Code = 0x83
	UnsupportedProtocolVersion          Code = 0x84
	ClientIdentifierNotValid            Code = 0x85
	BadUserNameOrPassword               Code = 0x86
	NotAuthorized                       Code = 0x87
	ServerUnavailable                   Code = 0x88
	ServerBusy                          Code = 0x89
	Banned                              Code = 0x8A
	ServerShuttingDown                  Code = 0x8B
	BadAuthenticationMethod             Code = 0x8C
	KeepAliveTimeout                    Code = 0x8D
	SessionTakenOver                    Code = 0x8E
	TopicFilterInvalid                  Code = 0x8F
	TopicNameInvalid                    Code = 0x90
	PacketIdentifierInUse               Code = 0x91
	PacketIdentifierNotFound            Code = 0x92
	ReceiveMaximumExceeded              Code = 0x93
	TopicAliasInvalid                   Code = 0x94
	PacketTooLarge                      Code = 0x95
	MessageRateTooHigh                  Code = 0x96
	QuotaExceeded                       Code = 0x97
	AdministrativeAction                Code = 0x98
	PayloadFormatInvalid                Code = 0x99
	RetainNotSupported                  Code = 0x9A
	QoSNotSupported                     Code = 0x9B
	UseAnotherServer                    Code = 0x9C
	ServerMoved                         Code = 0x9D
	SharedSubscriptionsNotSupported     Code = 0x9E
	ConnectionRateExceeded              Code = 0x9F
	MaximumConnectTime                  Code = 0xA0
	SubscriptionIdentifiersNotSupported Code = 0xA1
	WildcardSubscriptionsNotSupported   Code = 0xA2
)

// IsError reports whether c says that something failed (section 2.4).
func (c Code) IsError() bool { return c >= 0x80 }

func (c Code) String() string {
	if s := codes[c].name; s != "" {
		return s
	}
	return fmt.Sprintf("reason code 0x%02X", byte(c))
}

// AllowedIn reports whether the specification lets packet t carry c.
func (c Code) AllowedIn(t Type) bool { return codes[c].in>>t&1 != 0 }

// ConnackV3 is the 3.1.1 CONNACK return code nearest to c (3.1.1 section
// 3.2.2.3). The old protocol knows six answers, 0 to 5: what a retry may cure
// becomes 3, server unavailable; what it cannot becomes 5, not authorized.
func (c Code) ConnackV3() byte {
	switch c {
	case UnsupportedProtocolVersion:
		return 1
	case ClientIdentifierNotValid:
		return 2
	case BadUserNameOrPassword:
		return 4
	case NotAuthorized, Banned, BadAuthenticationMethod, TopicNameInvalid,
		PayloadFormatInvalid, RetainNotSupported, QoSNotSupported:
		return 5
	}
	if c.IsError() {
		return 3
	}
	return 0
}

// fromConnackV3 is what the six return codes of 3.1.1 mean in 5.0.
var fromConnackV3 = [...]Code{Success, UnsupportedProtocolVersion, ClientIdentifierNotValid,
	ServerUnavailable, BadUserNameOrPassword, NotAuthorized}
