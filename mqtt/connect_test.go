package mqtt

import (
	"bytes"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

// connectHead is a CONNECT up to and with the keep alive.
func connectHead(level, flags int) []byte { return join("MQTT", level, flags, 0, 60) }

func TestConnectRefusals(t *testing.T) {
	v3 := func(flags int, rest ...any) []byte {
		return frame(0x10, append([]any{connectHead(4, flags)}, rest...)...)
	}
	v5 := func(flags int, props []byte, rest ...any) []byte {
		return frame(0x10, append([]any{connectHead(5, flags), props}, rest...)...)
	}
	none := properties()
	withWill := func(flags int, props []byte, rest ...any) []byte {
		return v5(flags|flagWill|flagCleanStart, none, append([]any{"id", props}, rest...)...)
	}
	checkRefusals(t, map[string]refusal{
		"empty body":                        {V5, frame(0x10), malformed},
		"no level":                          {V5, frame(0x10, "MQTT"), malformed},
		"3.1.1":                             {V311, v3(2, "id"), ok},
		"5.0":                               {V5, v5(2, none, "id"), ok},
		"protocol name":                     {V5, frame(0x10, "MQTX", 5, 2, 0, 60, 0, "id"), wrongVersion}, // [MQTT-3.1.2-1]
		"protocol name of 3.1":              {V311, frame(0x10, "MQIsdp", 3, 2, 0, 60, "id"), wrongVersion},
		"level 6":                           {V5, frame(0x10, connectHead(6, 2), "id"), wrongVersion}, // [MQTT-3.1.2-2]
		"level 0":                           {V5, frame(0x10, connectHead(0, 2), "id"), wrongVersion},
		"level 3 with bridge bit":           {V311, frame(0x10, connectHead(0x83, 2), "id"), wrongVersion},
		"level 4 with bridge bit":           {V311, frame(0x10, connectHead(0x84, 2), "id"), ok},
		"level 5 with bridge bit":           {V5, frame(0x10, connectHead(0x85, 2), none, "id"), wrongVersion},
		"reserved flag":                     {V5, v5(3, none, "id"), malformed},              // [MQTT-3.1.2-3]
		"reserved flag, 3.1.1":              {V311, v3(3, "id"), malformed},                  // [MQTT-3.1.2-3 of 3.1.1]
		"will QoS without will":             {V5, v5(8, none, "id"), malformed},              // [MQTT-3.1.2-11]
		"will QoS 2 without will":           {V311, v3(0x12, "id"), malformed},               // [MQTT-3.1.2-13 of 3.1.1]
		"will retain without will":          {V5, v5(0x20, none, "id"), malformed},           // [MQTT-3.1.2-13]
		"will QoS 3":                        {V5, withWill(0x18, none, "t", "p"), malformed}, // [MQTT-3.1.2-12]
		"will QoS 2, retained":              {V5, withWill(0x30, none, "t", "p"), ok},
		"will flag without will":            {V5, v5(6, none, "id"), malformed},      // [MQTT-3.1.2-9]
		"will without payload":              {V5, withWill(0, none, "t"), malformed}, // [MQTT-3.1.2-9]
		"will in 3.1.1":                     {V311, v3(6, "id", "t", "p"), ok},
		"will topic empty":                  {V5, withWill(0, none, "", "p"), badTopic},    // [MQTT-4.7.3-1]
		"will topic with wildcard":          {V5, withWill(0, none, "a/+", "p"), badTopic}, // [MQTT-4.7.0-1]
		"will topic with wildcard, 3.1.1":   {V311, v3(6, "id", "#", "p"), badTopic},
		"will topic not UTF-8":              {V5, withWill(0, none, "\xff", "p"), malformed}, // [MQTT-3.1.3-11]
		"will properties":                   {V5, withWill(0, properties(0x18, 0, 0, 0, 9, 0x01, 1), "t", "p"), ok},
		"will property of CONNECT":          {V5, withWill(0, properties(0x11, 0, 0, 0, 9), "t", "p"), malformed},
		"topic alias in will":               {V5, withWill(0, properties(0x23, 0, 1), "t", "p"), malformed},
		"will delay in CONNECT":             {V5, v5(2, properties(0x18, 0, 0, 0, 9), "id"), malformed},
		"user name missing":                 {V5, v5(0x82, none, "id"), malformed},           // [MQTT-3.1.2-17]
		"user name not announced":           {V5, v5(2, none, "id", "user"), malformed},      // [MQTT-3.1.2-16]
		"user name not UTF-8":               {V5, v5(0x82, none, "id", "\x00"), malformed},   // [MQTT-3.1.3-12]
		"password missing":                  {V5, v5(0xc2, none, "id", "user"), malformed},   // [MQTT-3.1.2-19]
		"password not announced":            {V5, v5(0x82, none, "id", "u", "p"), malformed}, // [MQTT-3.1.2-18]
		"password alone":                    {V5, v5(0x42, none, "id", "password"), ok},
		"password alone, 3.1.1":             {V311, v3(0x42, "id", "password"), malformed}, // [MQTT-3.1.2-22 of 3.1.1]
		"password of any bytes":             {V311, v3(0xc2, "id", "user", "\x00\xff"), ok},
		"client id missing":                 {V5, v5(2, none), malformed},                     // [MQTT-3.1.3-3]
		"client id not UTF-8":               {V5, v5(2, none, "\xc0\x80"), malformed},         // [MQTT-3.1.3-4]
		"client id empty":                   {V5, v5(0, none, ""), ok},                        // [MQTT-3.1.3-6]
		"client id empty, clean, 3.1.1":     {V311, v3(2, ""), ok},                            // [MQTT-3.1.3-6 of 3.1.1]
		"client id empty, not clean, 3.1.1": {V311, v3(0, ""), int(ClientIdentifierNotValid)}, // [MQTT-3.1.3-8 of 3.1.1]
		"keep alive cut off":                {V5, frame(0x10, "MQTT", 5, 2, 0), malformed},
		"properties missing":                {V5, frame(0x10, connectHead(5, 2)), malformed}, // [MQTT-2.2.2-1]
		"data without method":               {V5, v5(2, properties(0x16, "x"), "id"), protocol},
		"data with method":                  {V5, v5(2, properties(0x16, "x", 0x15, "m"), "id"), ok},
		"bytes left over":                   {V5, v5(2, none, "id", 0), malformed},
	})
}

// What the caller needs for its answer is there beside the error.
func TestConnectVersionBesideError(t *testing.T) {
	tests := map[string]struct {
		body   []byte
		want   Version
		bridge bool
	}{
		"3.1":             {join("MQIsdp", 3, 2, 0, 60, "id"), 3, false},
		"3.1 from bridge": {join("MQIsdp", 0x83, 2, 0, 60, "id"), 3, true},
		"future":          {connectHead(9, 2), 9, false},
		"bad flags":       {connectHead(5, 1), V5, false},
		"no level":        {join("MQTT"), 0, false},
		"nothing":         {nil, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := ReadConnect(test.body)
			if err == nil || c == nil {
				t.Fatalf("ReadConnect(%x) = %v, %v, want both", test.body, c, err)
			}
			if c.Version != test.want || c.BridgeMode != test.bridge {
				t.Errorf("version %v, bridge %v, want %v, %v", c.Version, c.BridgeMode, test.want, test.bridge)
			}
		})
	}
}

// The reader's buffer is used again for the next packet.
func TestConnectIsACopy(t *testing.T) {
	c := &Connect{Version: V5, ClientID: "id", HasUsername: true, Username: "user", HasPassword: true, Password: []byte("secret"),
		Will: &Will{Topic: "t", Payload: []byte("p")}}
	c.Properties.Mark(PropAuthenticationMethod, PropAuthenticationData)
	c.Properties.AuthenticationMethod, c.Properties.AuthenticationData = "m", []byte("data")
	b := c.Append(nil)
	got, err := ReadConnect(b[2:])
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if !reflect.DeepEqual(got, c) {
		t.Errorf("after the buffer was used again: %+v, want %+v", got, c)
	}
}

// Writing never makes what the reader would refuse.
func TestConnectWritesWhatItMay(t *testing.T) {
	c := &Connect{Version: V311, ClientID: "id", HasPassword: true, Password: []byte("p"), BridgeMode: true}
	got, err := ReadConnect(c.Append(nil)[2:])
	if err != nil || got.HasPassword || !got.BridgeMode {
		t.Errorf("3.1.1 with a lone password: %+v, %v, want it without", got, err)
	}
}

func TestConnectLogsNoSecrets(t *testing.T) {
	var buf bytes.Buffer
	c := &Connect{Version: V5, ClientID: "lamp", HasPassword: true, Password: []byte("secret"), Username: "secret"}
	slog.New(slog.NewTextHandler(&buf, nil)).Info("refused", "connect", c)
	if got := buf.String(); strings.Contains(got, "secret") || strings.Contains(got, fmt.Sprint([]byte("secret"))) || !strings.Contains(got, "lamp") {
		t.Errorf("logged %s", got)
	}
}

func TestConnackRefusals(t *testing.T) {
	none := properties()
	checkRefusals(t, map[string]refusal{
		"accepted":                       {V5, frame(0x20, 0, 0, none), ok},
		"accepted, 3.1.1":                {V311, frame(0x20, 1, 0), ok},
		"empty":                          {V5, frame(0x20), malformed},
		"code missing":                   {V5, frame(0x20, 0), malformed},
		"properties missing":             {V5, frame(0x20, 0, 0), malformed}, // [MQTT-2.2.2-1]
		"properties in 3.1.1":            {V311, frame(0x20, 0, 0, none), malformed},
		"reserved flags":                 {V5, frame(0x20, 2, 0, none), malformed},   // [MQTT-3.2.2-1]
		"session in a refusal":           {V5, frame(0x20, 1, 0x87, none), protocol}, // [MQTT-3.2.2-6]
		"session in a refusal, 3.1.1":    {V311, frame(0x20, 1, 5), protocol},        // [MQTT-3.2.2-4 of 3.1.1]
		"code of another packet":         {V5, frame(0x20, 0, 0x8b, none), protocol}, // [MQTT-3.2.2-8]
		"reserved return code, 3.1.1":    {V311, frame(0x20, 0, 6), protocol},
		"maximum QoS 1":                  {V5, frame(0x20, 0, 0, properties(0x24, 1)), ok},
		"maximum QoS 2":                  {V5, frame(0x20, 0, 0, properties(0x24, 2)), protocol},
		"retain available 2":             {V5, frame(0x20, 0, 0, properties(0x25, 2)), protocol},
		"wildcards available 2":          {V5, frame(0x20, 0, 0, properties(0x28, 2)), protocol},
		"subscription ids available 255": {V5, frame(0x20, 0, 0, properties(0x29, 255)), protocol},
		"shared available 2":             {V5, frame(0x20, 0, 0, properties(0x2a, 2)), protocol},
	})
}

func TestConnackWritesWhatItMay(t *testing.T) {
	c := &Connack{SessionPresent: true, Code: NotAuthorized}
	if got, want := c.Append(nil, V5), []byte{0x20, 3, 0, 0x87, 0}; !bytes.Equal(got, want) { // [MQTT-3.2.2-6]
		t.Errorf("refusal with a session is written %x, want %x", got, want)
	}
	if got, want := c.Append(nil, V311), []byte{0x20, 2, 0, 5}; !bytes.Equal(got, want) {
		t.Errorf("refusal with a session is written %x, want %x", got, want)
	}
}
