package main

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"gridmq/mqtt"
)

// authFlags are the authentication method and data of CONNECT, as for a token.
// Source: MQTT 5.0, sections 3.1.2.11.9 and 3.1.2.11.10; spec/identity.md, sections 4 to 6.
type authFlags struct {
	method, dataFile string
}

const maxAuthData = 65535 // bytes, as MQTT can express

func (a *authFlags) register(f *pflag.FlagSet) {
	f.StringVar(&a.method, "auth-method", "", "authentication `method`, as CUSTOM-JWT or OAUTH2-JWT; MQTT 5")
	f.StringVar(&a.dataFile, "auth-data-file", "", "`file` with the data for --auth-method, as a JWT; MQTT 5")
}

// resolve reads the file and puts both into the properties of CONNECT. A line end
// behind a token is not part of it.
func (a *authFlags) resolve(v mqtt.Version, p *mqtt.Properties) error {
	switch {
	case a.method == "" && a.dataFile == "":
		return nil
	case a.method == "":
		return errors.New("--auth-data-file needs --auth-method: CUSTOM-JWT, OAUTH2-JWT or another one")
	case v != mqtt.V5:
		return errors.New("--auth-method needs MQTT 5: leave out -V")
	case !mqtt.ValidString(a.method):
		return fmt.Errorf("--auth-method %q: not a string that MQTT allows", a.method)
	}
	p.AuthenticationMethod = a.method
	p.Mark(mqtt.PropAuthenticationMethod)
	if a.dataFile == "" {
		return nil
	}
	data, err := readBounded(a.dataFile, maxAuthData)
	if err != nil {
		return fmt.Errorf("--auth-data-file: %w", err)
	}
	p.AuthenticationData = bytes.TrimRight(data, "\r\n")
	p.Mark(mqtt.PropAuthenticationData)
	return nil
}
