package mqtt

import (
	"context"
	"errors"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Subscribe subscribes to filters and waits for the broker's answer. Take the messages with [Subscription.Messages].
//
// Where the broker refuses some of the filters, Subscribe returns the subscription with those that were granted and a
// [*ReasonError] that lists every filter with its code; where it refuses all, only the error. After the broker has
// lost the session the client subscribes again by itself, before anything else.
func (c *Client) Subscribe(ctx context.Context, filters ...Filter) (*Subscription, error) {
	return c.SubscribeWith(ctx, SubscribeOptions{}, filters...)
}

// SubscribeFunc is [Client.Subscribe] with a handler.
func (c *Client) SubscribeFunc(ctx context.Context, h Handler, filters ...Filter) (*Subscription, error) {
	return c.SubscribeWith(ctx, SubscribeOptions{Handler: h}, filters...)
}

// SubscribeWith is [Client.Subscribe] with options.
func (c *Client) SubscribeWith(ctx context.Context, o SubscribeOptions, filters ...Filter) (*Subscription, error) {
	list := make([]packet.Filter, len(filters))
	for i := range filters {
		list[i] = filters[i].packet()
	}
	check := packet.Subscribe{Filters: list}
	err := check.Validate(c.cfg.Version, c.cfg.Strict)
	if err == nil && len(o.User) > 0 && c.cfg.Endpoint.Limits.NoUserProperties {
		err = &LimitError{Packet: packet.SUBSCRIBE, Code: packet.ImplementationSpecificError, Clause: "3.8.2.1.3",
			Detail: "the service takes user properties in PUBLISH alone"}
	}
	if err != nil {
		k := c.newCall()
		k.op.Kind, k.op.Subscribe = engine.OpSubscribe, check
		err = k.failure(err, false)
		k.recycle()
		return nil, err
	}
	s := c.newSubscription(o)
	c.mu.Lock()
	if c.closed != nil && o.Local {
		c.mu.Unlock()
		return nil, c.closed
	}
	if c.cfg.Version == packet.V5 && !c.cfg.Endpoint.Limits.NoSubscriptionIDs && !o.Local {
		s.id = c.router.identifier()
	}
	for i := range list { // before the broker can send anything
		if !slices.Contains(s.filters, list[i].Filter) {
			s.filters = append(s.filters, list[i].Filter)
		}
		c.router.add(list[i].Filter, s)
	}
	c.mu.Unlock()
	if o.Local {
		return s, nil
	}
	granted, err := s.subscribe(ctx, list)
	if err == nil {
		return s, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range s.filters {
		if !slices.Contains(granted, f) {
			c.router.remove(f, s)
		}
	}
	if s.filters = granted; len(granted) == 0 {
		s.end(nil)
		return nil, err
	}
	return s, err
}

// subscribe sends as many packets as the service's limit on filters asks for, and returns the filters that were
// granted.
func (s *Subscription) subscribe(ctx context.Context, list []packet.Filter) (granted []string, err error) {
	limit := s.c.cfg.Endpoint.Limits.FiltersPerSubscribe
	if limit <= 0 {
		limit = len(list)
	}
	var failed []error
	for chunk := range slices.Chunk(list, limit) {
		k := s.c.newCall()
		k.op.Kind, k.op.OptionalID = engine.OpSubscribe, true
		k.op.Subscribe = packet.Subscribe{Filters: chunk, SubscriptionID: s.id, UserProperties: s.opts.User}
		// Should the broker grant after the caller has given up, the subscription is taken back.
		err := s.c.request(ctx, k, func() { s.c.takeBack(chunk) })
		if err != nil {
			failed = append(failed, err)
		}
		refused, _ := errors.AsType[*ReasonError](err)
		for i := range chunk {
			f := chunk[i].Filter
			if (err == nil || refused != nil && i < len(refused.Codes) && !refused.Codes[i].Failed()) && !slices.Contains(granted, f) {
				granted = append(granted, f)
			}
		}
	}
	if len(failed) == 1 {
		return granted, failed[0]
	}
	return granted, errors.Join(failed...)
}

// takeBack unsubscribes from what was granted too late, unless another subscription has it. c.mu is held.
func (c *Client) takeBack(list []packet.Filter) {
	k := c.newCall()
	k.op.Kind, k.detached = engine.OpUnsubscribe, true
	for i := range list {
		if c.router.sole(list[i].Filter, nil) {
			k.op.Unsubscribe.Filters = append(k.op.Unsubscribe.Filters, list[i].Filter)
		}
	}
	if len(k.op.Unsubscribe.Filters) == 0 || c.engine.Submit(c.stamp, &k.op) != nil {
		k.recycle()
	}
}
