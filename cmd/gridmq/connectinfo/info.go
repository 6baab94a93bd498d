package connectinfo

import "strings"

// SubscriptionID is that of the namespace's resource id.
func (i Info) SubscriptionID() string {
	parts := strings.Split(i.ID, "/") // "", subscriptions, s, ...
	if len(parts) < 3 {
		return ""
	}
	return parts[2]
}

// Two connections at once want two client identifiers.

// SubscriberID is the client identifier of what subscribes.
func (i Info) SubscriberID() string { return clientID(i.Client, "-sub") }

// PublisherID is the client identifier of what publishes.
func (i Info) PublisherID() string { return clientID(i.Client, "-pub") }

func clientID(name, suffix string) string {
	return strings.ToValidUTF8(name[:min(len(name), 120)], "") + suffix
}
