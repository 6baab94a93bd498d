package delivery

import "errors"

var (
	// ErrNoTopic says that there is no such topic: create it first.
	ErrNoTopic = errors.New("delivery: no such topic")
	// ErrGone says that the topic or the subscription was deleted, or has expired.
	ErrGone = errors.New("delivery: topic or subscription was deleted")
	// ErrBacklog refuses events for a topic that keeps as many bytes as it may, since
	// its subscriptions are behind. Nothing was stored. It goes away when they catch
	// up or their events expire.
	ErrBacklog = errors.New("delivery: the topic keeps as many bytes as it may: its subscriptions must catch up")
	// ErrPush refuses consumers of a subscription that the broker delivers itself.
	ErrPush = errors.New("delivery: the subscription is delivered by push, nothing can be received")
	// ErrClosed says that the plane is closed.
	ErrClosed = errors.New("delivery: closed")
)
