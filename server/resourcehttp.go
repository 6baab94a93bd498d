package server

import (
	"crypto/tls"

	"gridmq/gateway"
	"gridmq/server/resourcelog"
)

// request writes the record of a request of the HTTP data plane. Requests that reached no
// namespace are in none's log.
func (s *Server) request(o gateway.Observation) {
	category := resourcelog.SuccessfulHTTP
	if o.Status >= 400 || o.Status == 0 {
		category = resourcelog.FailedHTTP
	}
	if o.Namespace == "" || !o.Known || !s.resources.Wants(category) {
		return
	}
	operation := "topics/" + o.Operation.String()
	if o.Operation == gateway.PublishMessage || o.Operation == gateway.GetRetained || o.Operation == gateway.ListRetained {
		operation = "topicspaces/" + o.Operation.String()
	}
	r := s.newRecord(o.Namespace, category, operation)
	r.Identity.AuthenticationType = "Unknown"
	switch o.Caller {
	case "", "anonymous":
	case "key":
		r.Identity.AuthenticationType = "SharedAccessKey"
	case "sas":
		r.Identity.AuthenticationType = "SharedAccessSignature"
	default:
		r.Identity.AuthenticationType, r.Identity.ObjectID = "EntraIdAccessToken", o.Caller
	}
	r.Properties = resourcelog.Properties{CallerIPAddress: o.From.String(), NetworkAccess: "PublicAccess"}
	if o.Private {
		r.Properties.NetworkAccess = "PrivateAccess"
	}
	switch o.TLS {
	case tls.VersionTLS12:
		r.Properties.TLSVersion = "1.2"
	case tls.VersionTLS13:
		r.Properties.TLSVersion = "1.3"
	}
	if category == resourcelog.SuccessfulHTTP {
		r.ResultType = resourcelog.Succeeded
	} else {
		r.ResultSignature, r.ResultDescription = statusSignature(o.Status, o.Code), o.Code
	}
	s.resources.Add(r)
}

// statusSignature is the class of an answer, in the words of Azure's table, which are others
// than those of MQTT.
func statusSignature(status int, code string) string {
	switch {
	case code == "ClientClosedRequest" || status == 0:
		return "ConnectionLost"
	case status == 401:
		return "AuthnError"
	case status == 403:
		return "AuthzError"
	case status == 429:
		return "QuotaExceeded"
	case status >= 500:
		return "ServiceError"
	}
	return "ClientError"
}
