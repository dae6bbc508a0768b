package mqtt_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// What cannot work is refused by New, in words.
func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	p := mqtttest.NewPeer(t)
	for name, test := range map[string]struct {
		change func(*mqtt.Config)
		want   string
	}{
		"no Dial":                {func(c *mqtt.Config) { c.Endpoint.Dial = nil }, "Dial"},
		"version":                {func(c *mqtt.Config) { c.Version = 3 }, "version"},
		"keep alive too long":    {func(c *mqtt.Config) { c.KeepAlive = 65536 * time.Second }, "KeepAlive"},
		"keep alive too short":   {func(c *mqtt.Config) { c.KeepAlive = time.Millisecond }, "KeepAlive"},
		"ping timeout":           {func(c *mqtt.Config) { c.PingTimeout = -1 }, "ping timeout"},
		"connect timeout":        {func(c *mqtt.Config) { c.ConnectTimeout = -1 }, "ConnectTimeout"},
		"session expiry":         {func(c *mqtt.Config) { c.SessionExpiry = -1 }, "SessionExpiry"},
		"aliases":                {func(c *mqtt.Config) { c.TopicAliasMaximum = 65536 }, "TopicAliasMaximum"},
		"interruptions":          {func(c *mqtt.Config) { c.MaxInterrupted = 256 }, "MaxInterrupted"},
		"inbound bytes":          {func(c *mqtt.Config) { c.InboundBytes = -1 }, "InboundBytes"},
		"backoff":                {func(c *mqtt.Config) { c.Reconnect = mqtt.Backoff{Min: 2, Max: 1} }, "Reconnect"},
		"negative backoff":       {func(c *mqtt.Config) { c.Reconnect.Min = -1 }, "Reconnect"},
		"stable":                 {func(c *mqtt.Config) { c.Reconnect.Stable = -1 }, "Reconnect"},
		"jitter":                 {func(c *mqtt.Config) { c.Reconnect.Jitter = 9 }, "Reconnect"},
		"offline policy":         {func(c *mqtt.Config) { c.Offline = 9 }, "offline"},
		"alias mode":             {func(c *mqtt.Config) { c.Aliases = 9 }, "alias"},
		"client identifier":      {func(c *mqtt.Config) { c.ClientID = "\xff" }, "MQTT-1.5.4-1"},
		"user name":              {func(c *mqtt.Config) { c.Username = "a\x00" }, "MQTT-1.5.4-2"},
		"will topic":             {func(c *mqtt.Config) { c.Will = &mqtt.Will{Topic: "a/#"} }, "MQTT-3.3.2-2"},
		"will QoS":               {func(c *mqtt.Config) { c.Will = &mqtt.Will{Topic: "a", QoS: 3} }, "MQTT-3.1.2-12"},
		"will delay":             {func(c *mqtt.Config) { c.Will = &mqtt.Will{Topic: "a", Delay: -1} }, "Will"},
		"will expiry":            {func(c *mqtt.Config) { c.Will = &mqtt.Will{Topic: "a", Expiry: -time.Hour} }, "Will"},
		"password without user":  {func(c *mqtt.Config) { c.Version, c.Password = packet.V311, []byte("x") }, "v3:"},
		"no identifier in 3.1.1": {func(c *mqtt.Config) { c.Version, c.ClientID = packet.V311, "" }, "v3:"},
	} {
		c, err := mqtt.New(configure(p, test.change))
		if c != nil || err == nil || !strings.HasPrefix(err.Error(), "mqtt: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// F88: the configuration is what CONNECT says, all properties of the will included.
//
// Conformance: MQTT-3.1.2-9, MQTT-3.1.2-17, MQTT-3.1.2-19, MQTT-3.1.3-10
func TestConfigBecomesConnect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		user := []packet.UserProperty{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}, {Key: "b", Value: "3"}}
		start(t, p, func(c *mqtt.Config) {
			c.Username, c.Password = "user", []byte("pass")
			c.KeepAlive, c.SessionExpiry = 90*time.Second, 1500*time.Millisecond
			c.ReceiveMaximum, c.MaximumPacketSize, c.TopicAliasMaximum = 5, 6000, 7
			c.UserProperties = user
			c.Will = &mqtt.Will{Topic: "will", Payload: []byte("payload"), QoS: 1, Retain: true, Delay: time.Second, Expiry: time.Minute,
				PayloadFormat: packet.FormatUTF8, ContentType: "text", ResponseTopic: "response", Correlation: []byte("data"), User: user}
		})
		_, in := p.Connect(&packet.Connack{})
		if in.Username != "user" || string(in.Password) != "pass" || in.KeepAlive != 90 || in.SessionExpiry != 2 || in.CleanStart ||
			in.ReceiveMaximum != 5 || in.MaximumPacketSize != 6000 || in.TopicAliasMaximum != 7 || len(in.UserProperties) != 3 ||
			in.UserProperties[2] != user[2] {
			t.Errorf("%+v", in)
		}
		w := in.Will
		if w == nil || w.Topic != "will" || string(w.Payload) != "payload" || w.QoS != 1 || !w.Retain || w.DelayInterval != 1 ||
			w.MessageExpiry.Or(0) != 60 || w.PayloadFormat != packet.FormatUTF8 || w.ContentType != "text" ||
			w.ResponseTopic != "response" || string(w.CorrelationData) != "data" || len(w.UserProperties) != 3 {
			t.Errorf("%+v", w)
		}
	})
}

// New copies what it is given.
func TestConfigIsCopied(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		told := make(chan struct{}, 1)
		trace := &mqtt.Trace{Connected: func(mqtt.Session) { told <- struct{}{} }}
		will := &mqtt.Will{Topic: "old", Payload: []byte("old"), Correlation: []byte("old"), User: []packet.UserProperty{{Key: "old"}}}
		password, user := []byte("old"), []packet.UserProperty{{Key: "old"}}
		c := idle(t, p, func(c *mqtt.Config) {
			c.Trace, c.Will, c.Password, c.UserProperties = trace, will, password, user
		})
		trace.Connected = nil
		copy(will.Payload, "new")
		copy(will.Correlation, "new")
		copy(password, "new")
		will.Topic, will.User[0].Key, user[0].Key = "#", "new", "new"
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		_, in := p.Connect(&packet.Connack{})
		recv(t, told)
		if w := in.Will; w.Topic != "old" || string(w.Payload) != "old" || string(w.CorrelationData) != "old" ||
			w.UserProperties[0].Key != "old" || string(in.Password) != "old" || in.UserProperties[0].Key != "old" {
			t.Errorf("%+v, %+v", in, w)
		}
	})
}

// F89: what is left out has its documented default; without a will no flag of one is set, which the decoder would refuse.
func TestConfigDefaults(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: p.Dial}, Version: version, ClientID: "c"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { c.Close(); gone(t, c) }()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		_, in := p.Connect(&packet.Connack{})
		want := packet.Connect{Version: version, KeepAlive: 60, ClientID: "c"}
		if version == packet.V5 {
			want.ReceiveMaximum, want.MaximumPacketSize, want.TopicAliasMaximum = 1024, 16<<20, 64
		}
		if in.Version != want.Version || in.KeepAlive != want.KeepAlive || in.ClientID != want.ClientID || in.CleanStart ||
			in.HasUsername || in.HasPassword || in.Will != nil || in.SessionExpiry != 0 || in.ReceiveMaximum != want.ReceiveMaximum ||
			in.MaximumPacketSize != want.MaximumPacketSize || in.TopicAliasMaximum != want.TopicAliasMaximum {
			t.Errorf("%+v", in)
		}
	})
}

func TestForever(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for expiry, want := range map[time.Duration]uint32{mqtt.Forever: 0xffffffff, mqtt.Forever - 1: 0xfffffffe, 1: 1, 0: 0} {
			p := newPeer(t)
			start(t, p, func(c *mqtt.Config) { c.SessionExpiry = expiry })
			if _, in := p.Connect(&packet.Connack{}); in.SessionExpiry != want {
				t.Errorf("%v: %d", expiry, in.SessionExpiry)
			}
		}
	})
}
