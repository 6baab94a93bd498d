package manifest

import (
	"fmt"
	"strings"
)

// Withheld is what a resource has, as the server shows it, that cannot be exported:
// secrets, which the server does not tell.
func Withheld(shown map[string]any) (list []string) {
	properties, _ := member(shown, "properties").(map[string]any)
	own, _ := member(properties, "gridmq").(map[string]any)
	if has, _ := member(own, "hasPassword").(bool); has {
		list = append(list, "its password")
	}
	hook, _ := member(own, "webhookAuthentication").(map[string]any)
	credential, _ := member(hook, "credential").(map[string]any)
	if has, _ := member(credential, "hasSecret").(bool); has {
		list = append(list, "the secret that is shown to its authentication webhook")
	}
	if to := webhookOf(properties); to != nil {
		if base := text(to, "endpointBaseUrl"); base != "" && text(to, "endpointUrl") == "" {
			list = append(list, fmt.Sprintf("the URL of its webhook, which is longer than %s and may have a key in it", base))
		}
	}
	mappings, _ := member(destinationOf(properties), "deliveryAttributeMappings").([]any)
	for _, one := range mappings {
		if name, secret := secretMapping(one); secret {
			list = append(list, fmt.Sprintf("the value of its delivery attribute %s", name))
		}
	}
	return list
}

// secretMapping says whether an entry of deliveryAttributeMappings has a value that is
// not shown.
func secretMapping(v any) (name string, secret bool) {
	o, _ := v.(map[string]any)
	p, _ := member(o, "properties").(map[string]any)
	hidden, _ := member(p, "isSecret").(bool)
	return text(o, "name"), hidden && text(p, "value") == ""
}

// destinationOf are the properties of where an event subscription pushes to; nil if it
// does not.
func destinationOf(properties map[string]any) map[string]any {
	at := properties
	if d, ok := member(properties, "deliveryConfiguration").(map[string]any); ok { // of a namespace topic
		at, _ = member(d, "push").(map[string]any)
	}
	if with, ok := member(at, "deliveryWithResourceIdentity").(map[string]any); ok {
		at = with
	}
	to, _ := member(at, "destination").(map[string]any)
	inside, _ := member(to, "properties").(map[string]any)
	return inside
}

// webhookOf are those of a webhook; nil if there is none.
func webhookOf(properties map[string]any) map[string]any {
	to := destinationOf(properties)
	if to == nil || text(to, "resourceId") != "" {
		return nil
	}
	return to
}

// SetWebhook puts the whole URL of its webhook into an event subscription that was
// shown without.
func (r *Resource) SetWebhook(url string) {
	properties, _ := member(r.Body, "properties").(map[string]any)
	if to := webhookOf(properties); to != nil {
		to["endpointUrl"] = url
	}
}

// withheldIn is what a template says of itself.
func withheldIn(template map[string]any) (list []string) {
	metadata, _ := member(template, "metadata").(map[string]any)
	own, _ := member(metadata, "gridmq").(map[string]any)
	all, _ := member(own, "withheld").([]any)
	for _, v := range all {
		if s, ok := v.(string); ok {
			list = append(list, strings.ToValidUTF8(s, "?"))
		}
	}
	return list
}

// WebhookBase is the beginning of the URL of an event subscription's webhook, of which the
// server shows no more; empty if there is none.
func WebhookBase(shown map[string]any) string {
	properties, _ := member(shown, "properties").(map[string]any)
	if to := webhookOf(properties); text(to, "endpointUrl") == "" {
		return text(to, "endpointBaseUrl")
	}
	return ""
}
