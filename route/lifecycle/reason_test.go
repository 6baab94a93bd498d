package lifecycle

import (
	"slices"
	"testing"

	"gridmq/mqtt"
)

// The complete list: section 4.
func TestReasonNames(t *testing.T) {
	want := []string{"ClientAuthenticationError", "ClientAuthorizationError", "ClientError", "ClientInitiatedDisconnect", "ConnectionLost",
		"IpForbidden", "QuotaExceeded", "ServerError", "ServerInitiatedDisconnect", "SessionOverflow", "SessionTakenOver"}
	var got []string
	for r := range Reason(len(reasonNames)) {
		got = append(got, r.String())
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// The pairing with reason codes: mqtt-protocol.md, section 10, row by row.
func TestReasons(t *testing.T) {
	tests := map[string]struct {
		end  Ending
		want Reason
	}{
		"client disabled":          {Ending{Code: mqtt.NotAuthorized, About: Credential}, ClientAuthenticationError},
		"address blocked":          {Ending{Code: mqtt.NotAuthorized, About: Address}, IPForbidden},
		"publish not authorized":   {Ending{Code: mqtt.NotAuthorized}, ClientAuthorizationError},
		"bad topic name":           {Ending{Code: mqtt.TopicNameInvalid}, ClientError},
		"publish throttled":        {Ending{Code: mqtt.QuotaExceeded}, QuotaExceeded},
		"packet too large":         {Ending{Code: mqtt.PacketTooLarge}, ClientError},
		"QoS 2":                    {Ending{Code: mqtt.QoSNotSupported}, ClientError},
		"topic alias":              {Ending{Code: mqtt.TopicAliasInvalid}, ClientError},
		"receive maximum":          {Ending{Code: mqtt.ReceiveMaximumExceeded}, QuotaExceeded},
		"PUBACK with error code":   {Ending{Code: mqtt.ImplementationSpecificError}, ClientError},
		"keep alive":               {Ending{Code: mqtt.KeepAliveTimeout}, ClientError},
		"taken over":               {Ending{Code: mqtt.SessionTakenOver}, SessionTakenOver},
		"credential ended":         {Ending{Code: mqtt.NotAuthorized, About: Credential}, ClientAuthenticationError},
		"permission changed":       {Ending{Code: mqtt.NotAuthorized}, ClientAuthorizationError},
		"queue full":               {Ending{Code: mqtt.QuotaExceeded, About: Queue}, SessionOverflow},
		"shutdown":                 {Ending{Code: mqtt.ServerShuttingDown}, ServerInitiatedDisconnect},
		"operator":                 {Ending{Code: mqtt.AdministrativeAction}, ServerInitiatedDisconnect},
		"bug":                      {Ending{Code: mqtt.UnspecifiedError}, ServerError},
		"socket lost":              {Ending{By: ByNetwork}, ConnectionLost},
		"DISCONNECT":               {Ending{By: ByClient}, ClientInitiatedDisconnect},
		"DISCONNECT with an error": {Ending{By: ByClient, Code: mqtt.UnspecifiedError}, ClientInitiatedDisconnect},
		"malformed packet":         {Ending{Code: mqtt.MalformedPacket}, ClientError},
		"a code of nobody's":       {Ending{Code: 0xFE}, ServerError},
	}
	for name, tt := range tests {
		if got := tt.end.Reason(); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// Every code that a server may send in DISCONNECT is known, but for the one that says
// nothing.
func TestEveryCode(t *testing.T) {
	for c := range mqtt.Code(255) {
		if c.AllowedIn(mqtt.DISCONNECT) && c != mqtt.UnspecifiedError && c != mqtt.DisconnectWithWill && ofCode(c) == ServerError {
			t.Errorf("%v is a ServerError", c)
		}
	}
}
