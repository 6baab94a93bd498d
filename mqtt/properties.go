package mqtt

// Properties are the properties of any 5.0 packet, under the names of the
// specification. A field counts only if it is present: [Properties.Has] tells
// after reading, [Properties.Mark] before writing. The two lists are present
// when they are not empty and need no mark. The zero value has no property.
//
// Absent values are zero, not the defaults of the specification; those belong
// to whoever uses the property.
type Properties struct {
	set uint64 // bit i: property i is present

	MessageExpiryInterval uint32 // seconds
	SessionExpiryInterval uint32 // seconds; 0xFFFFFFFF: never
	WillDelayInterval     uint32 // seconds
	MaximumPacketSize     uint32 // bytes, not 0
	ServerKeepAlive       uint16 // seconds
	ReceiveMaximum        uint16 // not 0
	TopicAliasMaximum     uint16
	TopicAlias            uint16 // not 0

	PayloadFormatIndicator          byte // these are 0 or 1
	RequestProblemInformation       byte
	RequestResponseInformation      byte
	MaximumQoS                      byte
	RetainAvailable                 byte
	WildcardSubscriptionAvailable   byte
	SubscriptionIdentifierAvailable byte
	SharedSubscriptionAvailable     byte

	ContentType              string
	ResponseTopic            string
	AssignedClientIdentifier string
	AuthenticationMethod     string
	ResponseInformation      string
	ServerReference          string
	ReasonString             string
	CorrelationData          []byte
	AuthenticationData       []byte

	SubscriptionIdentifiers []uint32 // 1 to 268,435,455; one in SUBSCRIBE, any number in PUBLISH
	UserProperties          []UserProperty
}

// A UserProperty is a pair of strings that means something to the users
// (section 3.1.2.11.8). Order and repetition are kept.
type UserProperty struct{ Name, Value string }

// Has reports whether property id is present.
func (p *Properties) Has(id PropID) bool {
	switch id {
	case PropUserProperty:
		return len(p.UserProperties) > 0
	case PropSubscriptionIdentifier:
		return len(p.SubscriptionIdentifiers) > 0
	}
	return p.set>>id&1 != 0
}

// Mark makes the properties present, so that they are written.
func (p *Properties) Mark(ids ...PropID) {
	for _, id := range ids {
		p.set |= 1 << id
	}
	p.set &^= listProps
}

// Clear makes the properties absent.
func (p *Properties) Clear(ids ...PropID) {
	for _, id := range ids {
		p.set &^= 1 << id
		switch id {
		case PropUserProperty:
			p.UserProperties = nil
		case PropSubscriptionIdentifier:
			p.SubscriptionIdentifiers = nil
		}
	}
}

// listProps are present by not being empty.
const listProps = 1<<PropUserProperty | 1<<PropSubscriptionIdentifier

// byteField is where the property is kept; so are the next ones.
func (p *Properties) byteField(id PropID) *byte {
	switch id {
	case PropPayloadFormatIndicator:
		return &p.PayloadFormatIndicator
	case PropRequestProblemInformation:
		return &p.RequestProblemInformation
	case PropRequestResponseInformation:
		return &p.RequestResponseInformation
	case PropMaximumQoS:
		return &p.MaximumQoS
	case PropRetainAvailable:
		return &p.RetainAvailable
	case PropWildcardSubscriptionAvailable:
		return &p.WildcardSubscriptionAvailable
	case PropSubscriptionIdentifierAvailable:
		return &p.SubscriptionIdentifierAvailable
	case PropSharedSubscriptionAvailable:
		return &p.SharedSubscriptionAvailable
	}
	return nil
}

func (p *Properties) uint16Field(id PropID) *uint16 {
	switch id {
	case PropServerKeepAlive:
		return &p.ServerKeepAlive
	case PropReceiveMaximum:
		return &p.ReceiveMaximum
	case PropTopicAliasMaximum:
		return &p.TopicAliasMaximum
	case PropTopicAlias:
		return &p.TopicAlias
	}
	return nil
}

func (p *Properties) uint32Field(id PropID) *uint32 {
	switch id {
	case PropMessageExpiryInterval:
		return &p.MessageExpiryInterval
	case PropSessionExpiryInterval:
		return &p.SessionExpiryInterval
	case PropWillDelayInterval:
		return &p.WillDelayInterval
	case PropMaximumPacketSize:
		return &p.MaximumPacketSize
	}
	return nil
}

func (p *Properties) stringField(id PropID) *string {
	switch id {
	case PropContentType:
		return &p.ContentType
	case PropResponseTopic:
		return &p.ResponseTopic
	case PropAssignedClientIdentifier:
		return &p.AssignedClientIdentifier
	case PropAuthenticationMethod:
		return &p.AuthenticationMethod
	case PropResponseInformation:
		return &p.ResponseInformation
	case PropServerReference:
		return &p.ServerReference
	case PropReasonString:
		return &p.ReasonString
	}
	return nil
}

func (p *Properties) binaryField(id PropID) *[]byte {
	switch id {
	case PropCorrelationData:
		return &p.CorrelationData
	case PropAuthenticationData:
		return &p.AuthenticationData
	}
	return nil
}
