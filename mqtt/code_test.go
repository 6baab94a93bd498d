package mqtt

import "testing"

func TestConnackV3(t *testing.T) {
	for c, want := range map[Code]byte{
		Success: 0, UnsupportedProtocolVersion: 1, ClientIdentifierNotValid: 2, ServerUnavailable: 3, QuotaExceeded: 3,
		ConnectionRateExceeded: 3, ServerBusy: 3, BadUserNameOrPassword: 4, NotAuthorized: 5, Banned: 5,
	} {
		if got := c.ConnackV3(); got != want {
			t.Errorf("%v.ConnackV3() = %d, want %d", c, got, want)
		}
	}
	for v3, c := range fromConnackV3 {
		if got := c.ConnackV3(); int(got) != v3 {
			t.Errorf("return code %d means %v, which is written %d", v3, c, got)
		}
	}
}

// The number of codes that each packet may carry, counted in the tables of section 3.
func TestCodeTable(t *testing.T) {
	for typ, want := range map[Type]int{CONNECT: 0, CONNACK: 22, PUBLISH: 0, PUBACK: 9, PUBREC: 9, PUBREL: 2, PUBCOMP: 2,
		SUBSCRIBE: 0, SUBACK: 12, UNSUBSCRIBE: 0, UNSUBACK: 7, DISCONNECT: 30, AUTH: 3} {
		n := 0
		for c := range 256 {
			if Code(c).AllowedIn(typ) {
				n++
			}
		}
		if n != want {
			t.Errorf("%v may carry %d codes, want %d", typ, n, want)
		}
	}
	for c := range 256 {
		if named := codes[c].name != ""; named != (codes[c].in != 0) {
			t.Errorf("%#x is named %v but in packets %b", c, named, codes[c].in)
		}
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		Code(0x87).String(): "Not authorized", Code(0x7f).String(): "reason code 0x7F",
		CONNECT.String(): "CONNECT", AUTH.String(): "AUTH", Type(16).String(): "type 16",
		V311.String(): "3.1.1", V5.String(): "5.0", Version(3).String(): "level 3",
		PropMaximumQoS.String(): "Maximum QoS", PropID(0).String(): "unknown property", PropID(0xff).String(): "unknown property",
	} {
		if got != want {
			t.Errorf("named %q, want %q", got, want)
		}
	}
	if GrantedQoS2.IsError() || !UnspecifiedError.IsError() {
		t.Error("IsError: want errors from 0x80 on")
	}
}
