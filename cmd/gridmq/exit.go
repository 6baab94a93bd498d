package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"gridmq/client"
	"gridmq/mqtt"
)

// Exit codes of the client commands. Scripts depend on them.
const (
	exitUsage     = 1  // wrong flags, unreadable files, anything else
	exitNoConnect = 2  // no connection, or it was lost
	exitRefused   = 3  // the broker refused CONNECT
	exitDenied    = 4  // the broker refused a message or a subscription
	exitTimeout   = 27 // -W: the time was over (as mosquitto_sub has it)
)

const exitCodesHelp = `Exit codes: 0 done; 1 wrong flags or files; 2 no connection, or it was lost;
3 the broker refused the connection; 4 the broker refused a message or all
subscriptions; 27 the time given with -W was over.`

// An exitError ends the process with a code of its own. main asks for ExitCode.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }
func (e *exitError) ExitCode() int { return e.code }

// exitCode is what the process ends with after err.
func exitCode(err error) int {
	if e, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		return e.ExitCode()
	}
	return exitUsage
}

// connectError explains why there is no connection to url, and what to do.
func connectError(url string, err error) error {
	code := exitNoConnect
	if _, refused := errors.AsType[*client.RefusedError](err); refused {
		code = exitRefused
	}
	if hint := hintFor(err); hint != "" {
		err = fmt.Errorf("%w\n  %s", err, hint)
	}
	return &exitError{code, fmt.Errorf("connect to %s: %w", url, err)}
}

// hintFor says what to do about an error, or nothing.
func hintFor(err error) string {
	if r, ok := errors.AsType[*client.RefusedError](err); ok {
		return refusalHints[r.Code]
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the broker's certificate is not from a CA this machine trusts: name the CA file with --cafile (GridMQ's own is tls/ca.pem in its data directory), or try --insecure"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the broker's certificate is for another host name: use that name with -h or --servername, or try --insecure"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the port does not speak TLS: leave out --tls, --cafile and --cert, or use another port with -p (MQTT over TLS is usually 8883)"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "check the host name (-h)"
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return `nothing listens there: is the broker running, and the port (-p) right? "gridmq serve --dev" starts one`
	case strings.Contains(err.Error(), "certificate required"), strings.Contains(err.Error(), "bad certificate"):
		return "the broker wants a client certificate: --cert and --key"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "the broker closed the connection before answering: does the port want TLS (--tls, or --url mqtts://...) or WebSocket (--url wss://.../mqtt)?"
	case errors.Is(err, context.DeadlineExceeded):
		return "check host and port, and firewalls between"
	}
	return ""
}

// refusalHints say what a user can do about a reason code of CONNACK.
var refusalHints = map[mqtt.Code]string{
	mqtt.UnsupportedProtocolVersion: "try the other version of MQTT: -V 311 or -V 5",
	mqtt.ClientIdentifierNotValid:   "the broker does not take this client id: choose another with -i",
	mqtt.BadUserNameOrPassword:      "check -u and -P (or GRIDMQ_PASSWORD)",
	mqtt.NotAuthorized:              "the broker wants to know who this is, or does not let this client in: -u and -P, or --cert and --key; -i if the client is registered by its id",
	mqtt.Banned:                     "the broker's operator has shut this client out",
	mqtt.ServerBusy:                 "try again later",
	mqtt.ServerUnavailable:          "try again later",
	mqtt.BadAuthenticationMethod:    "the broker does not know this authentication method, or wants one: --auth-method and --auth-data-file",
	mqtt.QuotaExceeded:              "too many connections or sessions of this client",
	mqtt.ConnectionRateExceeded:     "try again later",
	mqtt.QoSNotSupported:            "use a lower --will-qos",
	mqtt.RetainNotSupported:         "leave out --will-retain",
}
