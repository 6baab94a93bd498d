package subscription

import (
	"net/url"
	"strings"

	"gridmq/delivery"
)

// Forwarding is a webhook that is where another broker takes events: a topic of Event
// Grid or of another GridMQ. Azure has nothing like it, so it is said in our own member,
//
//	"gridmq": {"forward": true}
//
// Such an endpoint does not answer the question of abuse protection (section 11). What
// stands for its consent is a credential, without which it would take nothing.

const forwardField = "gridmq.forward"

// accessHeaders are the headers in which a broker takes a credential, in lower case.
var accessHeaders = map[string]bool{"authorization": true, "aeg-sas-key": true, "aeg-sas-token": true}

func (r *reader) forwarding() {
	ours, _ := r.Object("gridmq")
	if !r.stored {
		ours.Only("forward")
	}
	r.forward, _ = ours.Boolean("forward")
}

// checkForward says what is wrong with a destination that is to be forwarded to.
func (r *reader) checkForward() {
	d := r.s.Destination
	if !r.forward || r.stored {
		return
	}
	if d == nil || d.WebHook == nil {
		if d != nil || r.s.Mode == delivery.Pull { // else it is told already that there is none
			r.Fail(forwardField, "true belongs to a destination of endpointType WebHook")
		}
		return
	}
	if u, err := url.Parse(d.WebHook.URL); err == nil && d.WebHook.URL != "" && !isPublish(u.Path) {
		r.Fail(forwardField, "true wants the address at which a topic takes events: a URL whose path ends in /api/events, or in /topics/{topic}:publish")
	}
	if d.WebHook.Application != "" {
		return
	}
	for _, h := range d.Headers {
		if accessHeaders[strings.ToLower(h.Name)] && h.SourceField == "" {
			if !h.Secret {
				r.Fail(forwardField, "true wants isSecret of the delivery attribute "+h.Name+": it is a credential")
			}
			return
		}
	}
	r.Fail(forwardField, "true wants a credential: a static and secret delivery attribute aeg-sas-key or Authorization, or azureActiveDirectoryApplicationIdOrUri")
}

func isPublish(path string) bool {
	path = strings.TrimSuffix(strings.ToLower(path), "/")
	return strings.HasSuffix(path, "/api/events") || strings.HasSuffix(path, ":publish") && strings.Contains(path, "/topics/")
}

// forwards says whether the events are published at another broker.
func (s *Subscription) forwards() bool {
	return s.Destination != nil && s.Destination.WebHook != nil && s.Destination.WebHook.Forward
}
