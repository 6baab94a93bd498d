package subscription

import (
	"fmt"
	"strings"

	"gridmq/delivery"
	"gridmq/identity"
)

// endpoints of push delivery, and what the API lists besides, which belongs to others
// than the topics of namespaces.
var (
	endpointTypes  = []string{"WebHook", "EventHub"}
	otherEndpoints = []string{"StorageBlob", "StorageQueue", "HybridConnection", "ServiceBusQueue", "ServiceBusTopic", "AzureFunction",
		"PartnerDestination", "MonitorAlert", "NamespaceTopic"}
)

const (
	destinationMember  = "destination"
	withIdentityMember = "deliveryWithResourceIdentity"
)

// push reads destination or deliveryWithResourceIdentity.
func (r *reader) push(p *identity.Properties) {
	plain, isPlain := p.Object(destinationMember)
	with, isWith := p.Object(withIdentityMember)
	switch {
	case isPlain && isWith:
		p.Fail(withIdentityMember, "cannot stand beside destination; leave one of them out")
	case isPlain:
		r.destination(plain)
	case isWith:
		id, given := with.Object("identity")
		if !given {
			with.Fail("identity", "is required")
		} else {
			r.s.Identity = readIdentity(id)
		}
		to, given := with.Object(destinationMember)
		if !given {
			with.Fail(destinationMember, "is required")
			return
		}
		r.destination(to)
	default:
		if _, wrong := p.Raw(destinationMember); !wrong {
			p.Fail(destinationMember, "is required with deliveryMode Push")
		}
	}
}

func (r *reader) destination(p *identity.Properties) {
	at, given := p.Enum("endpointType", append(append([]string{}, endpointTypes...), otherEndpoints...)...)
	if !given {
		if _, wrong := p.Raw("endpointType"); !wrong {
			p.Fail("endpointType", "is required: "+strings.Join(endpointTypes, " or "))
		}
		return
	}
	if at >= len(endpointTypes) {
		p.Fail("endpointType", "the topics of a namespace deliver to "+strings.Join(endpointTypes, " and ")+" only")
		return
	}
	properties, _ := p.Object("properties")
	to := &delivery.Destination{}
	if at == 0 {
		to.WebHook = r.webhook(properties)
	} else {
		to.EventHub = &delivery.EventHub{ResourceID: resourceID(properties, "")}
	}
	to.Headers = headers(properties, r.forward)
	r.s.Destination = to
}

func (r *reader) webhook(p *identity.Properties) *delivery.WebHook {
	w := &delivery.WebHook{URL: required(p, "endpointUrl"), Forward: r.forward}
	if w.URL != "" {
		if reason := r.webhookURL(w.URL); reason != "" {
			p.Fail("endpointUrl", reason)
		}
	}
	w.MaxEvents = int(integer(p, "maxEventsPerBatch", 1, delivery.MaxBatchEvents, 1))
	w.PreferredBytes = int(integer(p, "preferredBatchSizeInKilobytes", delivery.MinBatchBytes>>10, delivery.MaxBatchBytes>>10, defaultBatchBytes)) << 10
	w.Tenant, _ = p.Text("azureActiveDirectoryTenantId", maxText)
	w.Application, _ = p.Text("azureActiveDirectoryApplicationIdOrUri", maxText)
	if version, given := p.Enum("minimumTlsVersionAllowed", "1.2", "1.0", "1.1"); given {
		if r.s.MinimumTLS = "1.2"; version != 0 {
			p.Fail("minimumTlsVersionAllowed", "want 1.2: older versions of TLS are not supported")
		}
	}
	return w
}

// resourceID reads the id of something outside: under is what its provider and type
// have to be, empty for any.
func resourceID(p *identity.Properties, under string) string {
	id := required(p, "resourceId")
	parts := strings.Split(strings.Trim(id, "/"), "/")
	good := strings.HasPrefix(id, "/") && len(parts) >= 8 && len(parts)%2 == 0 && strings.EqualFold(parts[0], "subscriptions")
	for _, part := range parts {
		good = good && part != "" && part != "." && part != ".." && strings.IndexFunc(part, isControl) < 0
	}
	n := len(parts)
	if good && under != "" {
		good = n == 8 && strings.EqualFold(strings.Join(parts[n-3:n-1], "/"), under)
	}
	if id != "" && !good {
		if under == "" {
			under = "Microsoft.EventHub/namespaces/{namespace}/eventhubs"
		}
		p.Fail("resourceId", fmt.Sprintf("want /subscriptions/{subscription}/resourceGroups/{group}/providers/%s/{name}", under))
	}
	return id
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }

const storageAccounts = "Microsoft.Storage/storageAccounts"

// deadLetters reads deadLetterDestinationWithResourceIdentity. Account and container
// become names of folders, so they are plain.
func (r *reader) deadLetters(p *identity.Properties) {
	with, given := p.Object("deadLetterDestinationWithResourceIdentity")
	if !given {
		return
	}
	if id, given := with.Object("identity"); given {
		r.s.DeadLetterIdentity = readIdentity(id)
	}
	to, given := with.Object("deadLetterDestination")
	if !given {
		with.Fail("deadLetterDestination", "is required")
		return
	}
	if _, given := to.Enum("endpointType", "StorageBlob"); !given {
		if _, wrong := to.Raw("endpointType"); !wrong {
			to.Fail("endpointType", "is required: StorageBlob")
		}
		return
	}
	properties, _ := to.Object("properties")
	d := &delivery.DeadLetters{ResourceID: resourceID(properties, storageAccounts), Container: required(properties, "blobContainerName")}
	if account := d.ResourceID[strings.LastIndexByte(d.ResourceID, '/')+1:]; account != "" && !isPlain(account, "", 1, 63) {
		properties.Fail("resourceId", "want a storage account of 1 to 63 letters and digits")
	}
	if c := d.Container; c != "" && (!isPlain(c, "-", 3, 63) || c != strings.ToLower(c) || strings.Trim(c, "-") != c || strings.Contains(c, "--")) {
		properties.Fail("blobContainerName", "want 3 to 63 lower-case letters, digits and single hyphens")
	}
	r.s.DeadLetters = d
}

// isPlain says whether s has low to high letters, digits, and characters of also.
func isPlain(s, also string, low, high int) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte(also, c) < 0 {
			return false
		}
	}
	return low <= len(s) && len(s) <= high
}
