package broker

import (
	"strings"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// mochiRules decide about users and topics.
type mochiRules struct {
	mochi.HookBase
}

func (*mochiRules) ID() string { return "rules" }

func (*mochiRules) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}

func (*mochiRules) OnConnectAuthenticate(_ *mochi.Client, pk packets.Packet) bool {
	return allowed(string(pk.Connect.Username), string(pk.Connect.Password))
}

func (*mochiRules) OnACLCheck(_ *mochi.Client, topic string, _ bool) bool { return !denied(topic) }

func allowed(user, password string) bool {
	return user == "" || user == User && password == Password
}

func denied(topic string) bool { return strings.HasPrefix(topic, Denied+"/") }
