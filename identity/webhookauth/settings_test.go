package webhookauth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gridmq/identity"
)

func faults(err error) (fields []string) {
	switch e := err.(type) {
	case nil:
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			fields = append(fields, faults(one)...)
		}
	default:
		if f, ok := errors.AsType[*identity.FieldError](err); ok {
			return []string{f.Field}
		}
		return []string{"not a field error: " + err.Error()}
	}
	return fields
}

func TestDecodeWebhook(t *testing.T) {
	const arm = `{"identity":{"type":"UserAssigned","userAssignedIdentity":"/x"},"endpointUrl":"https://h/hook?code=1",
		"endpointBaseUrl":"https://h/hook","azureActiveDirectoryApplicationIdOrUri":"api://h/.default","azureActiveDirectoryTenantId":"t"}`
	tests := map[string]struct {
		doc, extra string
		azure      bool
		fault      string
	}{
		"nothing":             {},
		"nothing, azure":      {doc: "{}", azure: true},
		"azure":               {doc: arm, azure: true},
		"other case":          {doc: strings.ReplaceAll(arm, "endpointUrl", "EndpointURL"), azure: true},
		"url alone":           {doc: `{"endpointUrl":"https://h"}`},
		"url alone, azure":    {doc: `{"identity":{"type":"SystemAssigned"},"endpointUrl":"https://h","azureActiveDirectoryTenantId":"t"}`, azure: true, fault: path + ".azureActiveDirectoryApplicationIdOrUri"},
		"no identity, azure":  {doc: `{"endpointUrl":"https://h","azureActiveDirectoryTenantId":"t","azureActiveDirectoryApplicationIdOrUri":"a"}`, azure: true, fault: path + ".identity.type"},
		"no tenant, azure":    {doc: `{"identity":{"type":"SystemAssigned"},"endpointUrl":"https://h","azureActiveDirectoryApplicationIdOrUri":"a"}`, azure: true, fault: path + ".azureActiveDirectoryTenantId"},
		"user not named":      {doc: `{"identity":{"type":"UserAssigned"},"endpointUrl":"https://h"}`, fault: path + ".identity.userAssignedIdentity"},
		"no url":              {doc: `{"identity":{"type":"SystemAssigned"}}`, fault: path + ".endpointUrl"},
		"http":                {doc: `{"endpointUrl":"http://h"}`, fault: path + ".endpointUrl"},
		"http to this host":   {doc: `{"endpointUrl":"http://127.0.0.1:1/"}`, fault: path + ".endpointUrl"},
		"allowed":             {doc: `{"endpointUrl":"http://127.0.0.1:1/"}`, extra: `{"allowLoopbackHttp":true}`},
		"allowed, other host": {doc: `{"endpointUrl":"http://h"}`, extra: `{"allowLoopbackHttp":true}`, fault: path + ".endpointUrl"},
		"other base":          {doc: `{"endpointUrl":"https://h/a","endpointBaseUrl":"https://x/"}`, fault: path + ".endpointBaseUrl"},
		"time-out":            {extra: `{"timeoutInSeconds":31}`, fault: extraPath + ".timeoutInSeconds"},
		"no time-out":         {extra: `{"timeoutInSeconds":0}`, fault: extraPath + ".timeoutInSeconds"},
		"cache":               {extra: `{"cacheInSeconds":601}`, fault: extraPath + ".cacheInSeconds"},
		"calls":               {extra: `{"maximumConcurrentCalls":0}`, fault: extraPath + ".maximumConcurrentCalls"},
		"a slip":              {extra: `{"publicKeyPin":["x"]}`, fault: extraPath + ".publicKeyPin"},
		"pin":                 {extra: `{"publicKeyPins":["x"]}`, fault: extraPath + ".publicKeyPins"},
		"no type":             {extra: `{"credential":{}}`, fault: extraPath + ".credential.type"},
		"strange type":        {extra: `{"credential":{"type":"Basic"}}`, fault: extraPath + ".credential.type"},
		"bearer":              {extra: `{"credential":{"type":"bearer","secret":"x"}}`},
		"bearer, none":        {extra: `{"credential":{"type":"Bearer"}}`, fault: extraPath + ".credential.secret"},
		"bearer, two":         {extra: `{"credential":{"type":"Bearer","secret":"x","secretFile":"/y"}}`, fault: extraPath + ".credential.secret"},
		"bearer, newline":     {extra: `{"credential":{"type":"Bearer","secret":"x\ny"}}`, fault: extraPath + ".credential.secret"},
		"header":              {extra: `{"credential":{"type":"Header","headerName":"X-Hook","secretFile":"/y"}}`},
		"header of HTTP":      {extra: `{"credential":{"type":"Header","headerName":"Content-Length","secret":"1"}}`, fault: extraPath + ".credential.headerName"},
		"header with colon":   {extra: `{"credential":{"type":"Header","headerName":"A:B","secret":"1"}}`, fault: extraPath + ".credential.headerName"},
		"certificate":         {extra: `{"credential":{"type":"ClientCertificate","certificateFile":"/c","keyFile":"/k"}}`},
		"certificate, no key": {extra: `{"credential":{"type":"ClientCertificate","certificateFile":"/c"}}`, fault: extraPath + ".credential.certificateFile"},
		"client credentials":  {extra: `{"credential":{"type":"ClientCredentials","tokenUrl":"https://t","clientId":"i","secret":"s"}}`},
		"token over http":     {extra: `{"credential":{"type":"ClientCredentials","tokenUrl":"http://t","clientId":"i","secret":"s"}}`, fault: extraPath + ".credential.tokenUrl"},
		"no client":           {extra: `{"credential":{"type":"ClientCredentials","tokenUrl":"https://t","secret":"s"}}`, fault: extraPath + ".credential.clientId"},
		"no JSON":             {extra: `{`, fault: extraPath},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := DecodeWebhook([]byte(test.doc), []byte(test.extra), test.azure)
			got := faults(err)
			if test.fault == "" && err != nil || test.fault != "" && (len(got) != 1 || got[0] != test.fault) {
				t.Errorf("got %+v, faults %q (%v), want %q", s, got, err, test.fault)
			}
			if wanted := strings.Contains(strings.ToLower(test.doc), "url"); s.Configured != wanted {
				t.Errorf("configured %v, want %v", s.Configured, wanted)
			}
		})
	}
	s, _ := DecodeWebhook([]byte(arm), []byte(`{"timeoutInSeconds":7,"cacheInSeconds":60,"maximumConcurrentCalls":9,"maximumWaitingClients":8}`), true)
	if s.Endpoint != "https://h/hook?code=1" || s.Scope != "api://h/.default" || s.Timeout != 7*time.Second || s.Cache != time.Minute || s.Concurrency != 9 || s.Queue != 8 {
		t.Errorf("got %+v", s)
	}
}

func TestOpen(t *testing.T) {
	s := Settings{Endpoint: "https://h", Scope: "api://h"}
	if _, err := s.Open(nil, nil); err == nil || !strings.Contains(err.Error(), "credential") {
		t.Errorf("nobody can prove who calls: %v", err)
	}
	own := func(context.Context, string) (string, time.Time, error) { return "t", time.Time{}, nil }
	for kind := range Kind(len(kinds)) {
		s := Settings{Endpoint: "https://h", Kind: kind, TokenURL: "https://t", ClientID: "i", HeaderName: "X-A", Secret: Secret{Value: "s"}}
		w, err := s.Open(own, nil)
		if err != nil {
			t.Errorf("%v: %v", kind, err)
			continue
		}
		w.Close()
	}
	s.Kind, s.CAFile = KindNone, "/does/not/exist"
	if _, err := s.Open(own, nil); err == nil {
		t.Error("a CA file that is not there was accepted")
	}
}

func FuzzDecodeWebhook(f *testing.F) {
	f.Add([]byte(`{"endpointUrl":"https://h"}`), []byte(`{"credential":{"type":"Bearer","secret":"x"}}`))
	f.Fuzz(func(t *testing.T, doc, extra []byte) {
		s, err := DecodeWebhook(doc, extra, true)
		for _, field := range faults(err) {
			if strings.HasPrefix(field, "not a field") {
				t.Error(field)
			}
		}
		if err == nil && s.Configured && !strings.HasPrefix(strings.ToLower(s.Endpoint), "http") {
			t.Errorf("%q gave the endpoint %q", doc, s.Endpoint)
		}
	})
}
