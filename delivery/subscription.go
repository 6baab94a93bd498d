package delivery

import (
	"errors"
	"fmt"

	"gridmq/event/filter"
)

// Bounds of a WebHook and of the headers of a delivery (sections 10.3 and 10.5).
const (
	MaxBatchEvents = 5000
	MinBatchBytes  = 1 << 10
	MaxBatchBytes  = 1 << 20

	MaxHeaders     = 10
	MaxHeaderValue = 4096 // bytes
)

// Validate returns what is wrong with s as *FieldError, joined. That its time to live
// is not longer than the topic's retention is the matter of whoever knows both.
func (s *Subscription) Validate() error {
	var errs []error
	fail := func(field, format string, args ...any) {
		errs = append(errs, &FieldError{field, fmt.Sprintf(format, args...)})
	}
	settings := "deliveryConfiguration." + map[Mode]string{Pull: "queue.", Push: "push."}[s.Mode]
	if s.Mode > Push {
		fail("deliveryConfiguration.deliveryMode", "must be Queue or Push")
	}
	most := MaxDeliveryCount
	if s.Schedule == TopicSchedule {
		most = MaxTopicAttempts
	}
	if s.MaxDeliveryCount < MinDeliveryCount || s.MaxDeliveryCount > most {
		fail(settings+"maxDeliveryCount", "must be from %d to %d", MinDeliveryCount, most)
	}
	if s.TimeToLive != 0 && (s.TimeToLive < MinTimeToLive || s.TimeToLive > MaxRetention) {
		fail(settings+"eventTimeToLive", "must be from a minute to 7 days")
	}
	if s.Mode == Pull && (s.Lock < MinLock || s.Lock > MaxLock) {
		fail(settings+"receiveLockDurationInSeconds", "must be from 60 to 300")
	}
	switch {
	case s.Mode == Pull && s.Destination != nil:
		fail("deliveryConfiguration.push", "does not belong to deliveryMode Queue")
	case s.Mode == Push && (s.Destination == nil || (s.Destination.WebHook == nil) == (s.Destination.EventHub == nil)):
		fail(settings+"destination", "must be one WebHook or EventHub")
	case s.Mode == Push:
		errs = append(errs, s.Destination.validate(settings+"destination.properties."))
	}
	if d := s.DeadLetters; d != nil && (d.ResourceID == "" || d.Container == "") {
		fail(settings+"deadLetterDestinationWithResourceIdentity", "must name a storage account and a container")
	}
	if err := s.Filter.Validate(filter.Limits{}); err != nil {
		fail("filtersConfiguration", "cannot be used: %v", err)
	}
	return errors.Join(errs...)
}

func (d *Destination) validate(path string) error {
	var errs []error
	fail := func(field, text string) { errs = append(errs, &FieldError{path + field, text}) }
	if w := d.WebHook; w != nil {
		if w.URL == "" {
			fail("endpointUrl", "must be a URL")
		}
		if w.MaxEvents < 1 || w.MaxEvents > MaxBatchEvents {
			fail("maxEventsPerBatch", "must be from 1 to 5000")
		}
		if w.PreferredBytes < MinBatchBytes || w.PreferredBytes > MaxBatchBytes {
			fail("preferredBatchSizeInKilobytes", "must be from 1 to 1024")
		}
	} else if d.EventHub.ResourceID == "" {
		fail("resourceId", "must be a resource id")
	}
	if len(d.Headers) > MaxHeaders {
		fail("deliveryAttributeMappings", "has more than 10 entries")
	}
	for _, h := range d.Headers {
		if h.Name == "" || len(h.Value) > MaxHeaderValue || (h.SourceField != "") == (h.Value != "") {
			fail("deliveryAttributeMappings", "must have a name each, and a value of at most 4096 bytes or a source field")
		}
	}
	return errors.Join(errs...)
}
