package gateway

import (
	"net/http"

	"gridmq/access"
)

// An Operation is what a request asks for.
type Operation uint8

const (
	Publish Operation = iota
	Receive
	Acknowledge
	Release
	Reject
	RenewLock
	PublishMessage
	GetRetained
	ListRetained
	PublishEvents
)

// kinds says what is the same for all requests of an operation.
var kinds = [...]struct {
	name, method string
	action       string // the data action that it needs
}{
	Publish:        {"publish", http.MethodPost, access.SendAction},
	Receive:        {"receive", http.MethodPost, access.ReceiveAction},
	Acknowledge:    {"acknowledge", http.MethodPost, access.ReceiveAction},
	Release:        {"release", http.MethodPost, access.ReceiveAction},
	Reject:         {"reject", http.MethodPost, access.ReceiveAction},
	RenewLock:      {"renewLock", http.MethodPost, access.ReceiveAction},
	PublishMessage: {"publishMessage", http.MethodPost, ""}, // the broker judges the topic
	GetRetained:    {"getRetained", http.MethodGet, access.SubscribeAction},
	ListRetained:   {"listRetained", http.MethodGet, access.SubscribeAction},
	PublishEvents:  {"publishEvents", http.MethodPost, access.SendAction},
}

func (o Operation) String() string { return kinds[o].name }

// ofTopic says whether the operation concerns topics, not MQTT.
func (o Operation) ofTopic() bool { return o <= RenewLock || o == PublishEvents }
