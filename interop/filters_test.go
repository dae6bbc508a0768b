package interop

import (
	"slices"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Broker and client agree on which topics a filter matches.
func testWildcards(t *testing.T, w *world) {
	from := w.start(t, "from")
	topics := []string{"a", "a/b", "a/b/c", "a/c", "a//c", "b", "a/", "/a", "A/b", "a/ü/c"}
	for n, c := range []struct{ filter, want string }{
		{"#", "a a/b a/b/c a/c a//c b a/ /a A/b a/ü/c"},
		{"a/#", "a a/b a/b/c a/c a//c a/ a/ü/c"},
		{"+", "a b"},
		{"a/+", "a/b a/c a/"},
		{"a/+/c", "a/b/c a//c a/ü/c"},
		{"+/b", "a/b A/b"},
		{"+/+", "a/b a/c a/ /a A/b"},
		{"/+", "/a"},
		{"+/b/#", "a/b a/b/c A/b"},
		{"+/+/+/#", "a/b/c a//c a/ü/c"},
		{"a/b", "a/b"},
		{"a/b/#", "a/b a/b/c"},
	} {
		if strings.HasSuffix(c.filter, "+/#") && w.has(plusHidesParent) {
			continue
		}
		inbox := w.start(t, "to"+itoa(n)).subscribe(t, packet.QoS1, w.topic(c.filter), w.name+"-end")
		for _, topic := range topics {
			from.publish(t, packet.QoS1, w.topic(topic), topic)
		}
		from.publish(t, packet.QoS1, w.name+"-end", "the end")
		var got []string
		for m := inbox.next(t); string(m.Payload) != "the end"; m = inbox.next(t) {
			got = append(got, string(m.Payload))
		}
		if want := strings.Fields(c.want); !slices.Equal(got, want) {
			t.Errorf("%s matched %q, want %q", c.filter, got, want)
		}
	}
}

// Where several subscriptions of a client match, each handler gets the message once, whether the broker sends one copy
// or several.
func testOverlapping(t *testing.T, w *world) {
	from, to := w.start(t, "from"), w.start(t, "to")
	exact := to.subscribe(t, packet.QoS1, w.topic("a", "b"))
	plus := to.subscribe(t, packet.QoS2, w.topic("+", "b"))
	all := to.subscribe(t, packet.QoS0, w.topic("#"))
	payloads := numbered("n", 0, 20)
	from.publishAll(t, packet.QoS2, w.topic("a", "b"), payloads...)
	if !w.v5() && w.has(copyPerSubscription) { // MQTT 3.1.1 has nothing to tell the copies apart by
		for _, inbox := range []*inbox{exact, plus, all} {
			for payload, n := range inbox.take(t, 3*len(payloads)) {
				if n != 3 {
					t.Errorf("%s came %d times, want once per copy", payload, n)
				}
			}
		}
	} else {
		for _, inbox := range []*inbox{exact, plus, all} {
			inbox.want(t, payloads...)
		}
	}
	from.publish(t, packet.QoS2, w.topic("c"), "the end") // for one of them only
	all.want(t, "the end")
	exact.empty(t)
	plus.empty(t)
}

// A message says for which subscriptions it comes.
func testSubscriptionIDs(t *testing.T, w *world) {
	from, to := w.start(t, "from"), w.start(t, "to", watch)
	one := to.subscribe(t, packet.QoS1, w.topic("one"))
	two := to.subscribe(t, packet.QoS1, w.topic("two"))
	from.publish(t, packet.QoS1, w.topic("two"), "b")
	from.publish(t, packet.QoS1, w.topic("one"), "a")
	two.want(t, "b")
	one.want(t, "a")
	asked, _ := seen[*packet.Subscribe](to.wire)
	_, got := seen[*packet.Publish](to.wire)
	if len(asked) != 2 || asked[0].SubscriptionID == 0 || asked[1].SubscriptionID == 0 || asked[0].SubscriptionID == asked[1].SubscriptionID {
		t.Fatalf("subscribed with %+v", asked)
	}
	if len(got) != 2 || !slices.Equal(got[0].SubscriptionIDs, []uint32{asked[1].SubscriptionID}) ||
		!slices.Equal(got[1].SubscriptionIDs, []uint32{asked[0].SubscriptionID}) {
		t.Errorf("received %+v, want the identifiers of %+v", got, asked)
	}
}

// The members of a group share the messages: each goes to one of them.
func testShared(t *testing.T, w *world) {
	from := w.start(t, "from")
	group := newInbox()
	members := make([]*device, 3)
	for i := range members {
		members[i] = w.start(t, "member"+itoa(i))
		_, err := members[i].SubscribeFunc(within(t), group.handle, mqtt.Filter{Filter: "$share/" + w.name + "/" + w.topic("+"), QoS: packet.QoS1})
		must(t, err)
	}
	alone := w.start(t, "alone").subscribe(t, packet.QoS1, w.topic("+"))
	payloads := numbered("n", 0, 60)
	from.publishAll(t, packet.QoS1, w.topic("work"), payloads...)
	alone.want(t, payloads...)
	for payload, n := range group.take(t, len(payloads)) {
		if n != 1 {
			t.Errorf("%s came %d times", payload, n)
		}
	}
	for i, member := range members {
		if member.Stats().PublishesReceived == 0 {
			t.Errorf("member %d got nothing", i)
		}
	}
	group.empty(t)
}

// A subscription may leave out what the client itself publishes.
func testNoLocal(t *testing.T, w *world) {
	other, self := w.start(t, "other"), w.start(t, "self")
	topic := w.topic("chat")
	inbox := self.subscribeWith(t, mqtt.Filter{Filter: topic, QoS: packet.QoS1, NoLocal: true})
	self.publish(t, packet.QoS1, topic, "mine")
	other.publish(t, packet.QoS1, topic, "theirs")
	inbox.want(t, "theirs")
	inbox.end(t, other, packet.QoS1, topic)
}

// After UNSUBSCRIBE nothing comes any more, and other subscriptions are not touched.
func testUnsubscribe(t *testing.T, w *world) {
	from, to := w.start(t, "from"), w.start(t, "to", watch)
	a := to.subscribe(t, packet.QoS1, w.topic("a"))
	b := to.subscribe(t, packet.QoS1, w.topic("b"))
	from.publish(t, packet.QoS1, w.topic("a"), "1")
	a.want(t, "1")
	must(t, a.Close(within(t)))
	to.wire.forget()
	from.publish(t, packet.QoS1, w.topic("a"), "2")
	b.end(t, from, packet.QoS1, w.topic("b"))
	a.empty(t)
	if _, got := seen[*packet.Publish](to.wire); len(got) != 1 {
		t.Errorf("%d messages came, want one", len(got))
	}
	must(t, to.Unsubscribe(within(t), w.topic("never"), w.topic("b"))) // the first is a success as well
	to.wire.forget()
	from.publish(t, packet.QoS1, w.topic("b"), "3")
	c := to.subscribe(t, packet.QoS1, w.topic("c"))
	c.end(t, from, packet.QoS1, w.topic("c"))
	if _, got := seen[*packet.Publish](to.wire); len(got) != 1 {
		t.Errorf("%d messages came, want one", len(got))
	}
	to.oneConnection(t)
}
