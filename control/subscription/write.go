package subscription

import (
	"net/url"
	"time"

	"gridmq/control/tree"
	"gridmq/delivery"
)

// Encode writes the resource as the management plane shows it, without secrets.
func (s *Subscription) Encode() []byte { return s.encode(false) }

// EncodeStored writes everything, for the store.
func (s *Subscription) EncodeStored() []byte { return s.encode(true) }

func (s *Subscription) encode(stored bool) []byte {
	p := map[string]any{"eventDeliverySchema": eventSchema, "deliveryConfiguration": s.deliveryJSON(stored)}
	if len(s.Filter.Filters)+len(s.Filter.IncludedEventTypes) > 0 {
		p["filtersConfiguration"] = must(s.Filter.AppendJSON(nil))
	}
	if !s.Expires.IsZero() {
		p["expirationTimeUtc"] = s.Expires.Format(time.RFC3339Nano)
	}
	if s.Tags != nil {
		p["tags"] = s.Tags
	}
	if s.forwards() {
		p["gridmq"] = map[string]any{"forward": true}
	}
	return tree.Encode(map[string]any{"properties": p})
}

// must reads JSON that we have written.
func must(b []byte) any {
	v, err := tree.Parse(b)
	if err != nil {
		panic("subscription: filters are not JSON: " + err.Error())
	}
	return v
}

func (s *Subscription) deliveryJSON(stored bool) map[string]any {
	m := map[string]any{"maxDeliveryCount": s.MaxDeliveryCount}
	if s.TimeToLiveText != "" {
		m["eventTimeToLive"] = s.TimeToLiveText
	}
	if d := s.DeadLetters; d != nil {
		with := map[string]any{"deadLetterDestination": map[string]any{"endpointType": "StorageBlob",
			"properties": map[string]any{"resourceId": d.ResourceID, "blobContainerName": d.Container}}}
		if s.DeadLetterIdentity != nil {
			with["identity"] = s.DeadLetterIdentity.json()
		}
		m["deadLetterDestinationWithResourceIdentity"] = with
	}
	switch to := s.Destination; {
	case s.Mode == delivery.Pull:
		m["receiveLockDurationInSeconds"] = int(s.Lock / time.Second)
	case to == nil:
	case s.Identity != nil:
		m[withIdentityMember] = map[string]any{"identity": s.Identity.json(), destinationMember: s.destinationJSON(to, stored)}
	default:
		m[destinationMember] = s.destinationJSON(to, stored)
	}
	return map[string]any{"deliveryMode": modes[s.Mode], s.settings(): m}
}

func (s *Subscription) destinationJSON(to *delivery.Destination, stored bool) map[string]any {
	p := map[string]any{}
	if list := headersJSON(to.Headers, stored); list != nil {
		p["deliveryAttributeMappings"] = list
	}
	if to.EventHub != nil {
		p["resourceId"] = to.EventHub.ResourceID
		return map[string]any{"endpointType": "EventHub", "properties": p}
	}
	w := to.WebHook
	p["maxEventsPerBatch"], p["preferredBatchSizeInKilobytes"] = w.MaxEvents, w.PreferredBytes>>10
	if stored {
		p["endpointUrl"] = w.URL
	} else {
		p["endpointBaseUrl"] = baseURL(w.URL)
	}
	for name, v := range map[string]string{"azureActiveDirectoryTenantId": w.Tenant, "azureActiveDirectoryApplicationIdOrUri": w.Application,
		"minimumTlsVersionAllowed": s.MinimumTLS} {
		if v != "" {
			p[name] = v
		}
	}
	return map[string]any{"endpointType": "WebHook", "properties": p}
}

// baseURL is a URL without its query, which often holds a key.
func baseURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.RawQuery, u.ForceQuery, u.Fragment, u.User = "", false, "", nil
	return u.String()
}

// Headers are the delivery attributes, secrets in the open: for who may ask for them.
func (s *Subscription) Headers() []any {
	if s.Destination == nil {
		return []any{}
	}
	if list := headersJSON(s.Destination.Headers, true); list != nil {
		return list
	}
	return []any{}
}

func headersJSON(headers []delivery.Header, secrets bool) (list []any) {
	for _, h := range headers {
		one := map[string]any{"name": h.Name, "type": "Static"}
		switch {
		case h.SourceField != "":
			one["type"], one["properties"] = "Dynamic", map[string]any{"sourceField": h.SourceField}
		case h.Secret && !secrets:
			one["properties"] = map[string]any{"value": nil, "isSecret": true}
		default:
			one["properties"] = map[string]any{"value": h.Value, "isSecret": h.Secret}
		}
		list = append(list, one)
	}
	return list
}

func (i *Identity) json() map[string]any {
	m := map[string]any{"type": i.Type}
	if i.User != "" {
		m["userAssignedIdentity"] = i.User
	}
	if i.FederatedClient != "" {
		m["federatedIdentityCredentialInfo"] = map[string]any{"federatedClientId": i.FederatedClient}
	}
	return m
}
