package mqtt

// A PropID names a property (section 2.2.2.2).
type PropID byte

// The properties of MQTT 5.0.
const (
	PropPayloadFormatIndicator          PropID = 0x01
	PropMessageExpiryInterval           PropID = 0x02
	PropContentType                     PropID = 0x03
	PropResponseTopic                   PropID = 0x08
	PropCorrelationData                 PropID = 0x09
	PropSubscriptionIdentifier          PropID = 0x0B
	PropSessionExpiryInterval           PropID = 0x11
	PropAssignedClientIdentifier        PropID = 0x12
	PropServerKeepAlive                 PropID = 0x13
	PropAuthenticationMethod            PropID = 0x15
	PropAuthenticationData              PropID = 0x16
	PropRequestProblemInformation       PropID = 0x17
	PropWillDelayInterval               PropID = 0x18
	PropRequestResponseInformation      PropID = 0x19
	PropResponseInformation             PropID = 0x1A
	PropServerReference                 PropID = 0x1C
	PropReasonString                    PropID = 0x1F
	PropReceiveMaximum                  PropID = 0x21
	PropTopicAliasMaximum               PropID = 0x22
	PropTopicAlias                      PropID = 0x23
	PropMaximumQoS                      PropID = 0x24
	PropRetainAvailable                 PropID = 0x25
	PropUserProperty                    PropID = 0x26
	PropMaximumPacketSize               PropID = 0x27
	PropWildcardSubscriptionAvailable   PropID = 0x28
	PropSubscriptionIdentifierAvailable PropID = 0x29
	PropSharedSubscriptionAvailable     PropID = 0x2A

	lastProp = PropSharedSubscriptionAvailable
)

// A propType is how a property is encoded, and which of its values are errors.
type propType byte

const (
	typeByte    propType = 1 + iota // 0 or 1, all of them
	typeUint16                      // may be 0
	typeUint32                      // may be 0
	typeNatural                     // uint16 that is not 0
	typeSize                        // uint32 that is not 0
	typeString
	typeTopic // string that is a topic name
	typeBinary
	typeIDs   // Variable Byte Integer, not 0; may repeat in PUBLISH
	typePairs // string pair; may repeat
)

// inWill stands in the place of packet type 0: will properties live inside
// CONNECT but have their own list.
const (
	willProps = Type(0)
	inWill    = 1 << willProps
	inConnect = 1 << CONNECT
	inPublish = 1 << PUBLISH
	inAnyAck  = inPuback | inPubrel | inSuback | inUnsuback
	inMessage = inPublish | inWill
)

// props is table 2-4 of section 2.2.2.2.
var props = [lastProp + 1]struct {
	name string
	kind propType
	in   uint16
}{
	PropPayloadFormatIndicator:          {"Payload Format Indicator", typeByte, inMessage},
	PropMessageExpiryInterval:           {"Message Expiry Interval", typeUint32, inMessage},
	PropContentType:                     {"Content Type", typeString, inMessage},
	PropResponseTopic:                   {"Response Topic", typeTopic, inMessage},
	PropCorrelationData:                 {"Correlation Data", typeBinary, inMessage},
	PropSubscriptionIdentifier:          {"Subscription Identifier", typeIDs, inPublish | 1<<SUBSCRIBE},
	PropSessionExpiryInterval:           {"Session Expiry Interval", typeUint32, inConnect | inConnack | inDisconnect},
	PropAssignedClientIdentifier:        {"Assigned Client Identifier", typeString, inConnack},
	PropServerKeepAlive:                 {"Server Keep Alive", typeUint16, inConnack},
	PropAuthenticationMethod:            {"Authentication Method", typeString, inConnect | inConnack | inAuth},
	PropAuthenticationData:              {"Authentication Data", typeBinary, inConnect | inConnack | inAuth},
	PropRequestProblemInformation:       {"Request Problem Information", typeByte, inConnect},
	PropWillDelayInterval:               {"Will Delay Interval", typeUint32, inWill},
	PropRequestResponseInformation:      {"Request Response Information", typeByte, inConnect},
	PropResponseInformation:             {"Response Information", typeString, inConnack},
	PropServerReference:                 {"Server Reference", typeString, inConnack | inDisconnect},
	PropReasonString:                    {"Reason String", typeString, inConnack | inAnyAck | inDisconnect | inAuth},
	PropReceiveMaximum:                  {"Receive Maximum", typeNatural, inConnect | inConnack},
	PropTopicAliasMaximum:               {"Topic Alias Maximum", typeUint16, inConnect | inConnack},
	PropTopicAlias:                      {"Topic Alias", typeNatural, inPublish},
	PropMaximumQoS:                      {"Maximum QoS", typeByte, inConnack},
	PropRetainAvailable:                 {"Retain Available", typeByte, inConnack},
	PropUserProperty:                    {"User Property", typePairs, inConnect | inConnack | inMessage | inAnyAck | 1<<SUBSCRIBE | 1<<UNSUBSCRIBE | inDisconnect | inAuth},
	PropMaximumPacketSize:               {"Maximum Packet Size", typeSize, inConnect | inConnack},
	PropWildcardSubscriptionAvailable:   {"Wildcard Subscription Available", typeByte, inConnack},
	PropSubscriptionIdentifierAvailable: {"Subscription Identifier Available", typeByte, inConnack},
	PropSharedSubscriptionAvailable:     {"Shared Subscription Available", typeByte, inConnack},
}

// allowedIn reports whether packet t may carry property id.
func (id PropID) allowedIn(t Type) bool { return id <= lastProp && props[id].in>>t&1 != 0 }

func (id PropID) String() string {
	if id <= lastProp && props[id].name != "" {
		return props[id].name
	}
	return "unknown property"
}
