package azure

import (
	"strings"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// HubOptions configures an IoT Hub.
type HubOptions struct {
	// Server says where it listens. Profile, Limits, Hooks, OnEvent, Events and WSPath are the hub's own.
	Server emulator.Options
	// Host is the hub's name, as in user names and signatures. Default localhost.
	Host string
	// Devices are the keys, in base64, of devices ("pump-7") and modules ("pump-7/valve"). An empty key is one that needs a
	// certificate whose common name is the device.
	Devices map[string]string
	// Grace is how long a connection outlives its signature. Default 5 minutes.
	Grace time.Duration
	// OnTelemetry is told every message of a device, one after the other; nil: nobody.
	OnTelemetry func(Telemetry)
}

// Telemetry is a message of a device.
type Telemetry struct {
	Device    string // with its module
	Bag       string // the properties as they were sent
	Payload   []byte
	Duplicate bool
	Retain    bool
}

// Hub is an IoT Hub.
type Hub struct {
	*emulator.Server
	o        HubOptions
	expiries expiries

	mu      sync.Mutex
	seen    HubStats
	twins   map[string]*twin
	subs    map[string]map[string]bool // by client identifier
	pending map[string]chan answer     // methods, by request
	next    int
}

// HubStats counts.
type HubStats struct {
	Connects  int // accepted
	Refused   int
	Expired   int // connections that ended with their signature
	Telemetry int
	Duplicate int // of those, marked as sent again
	Closed    int // connections ended for something that the service does not take
}

// hubSocket is the path of WebSockets of hubs and of the Device Provisioning Service.
const hubSocket = "/$iothub/websocket"

// StartHub starts a hub.
func StartHub(o HubOptions) (*Hub, error) {
	if o.Host == "" {
		o.Host = "localhost"
	}
	if o.Grace == 0 {
		o.Grace = 5 * time.Minute
	}
	h := &Hub{o: o, twins: make(map[string]*twin), subs: make(map[string]map[string]bool), pending: make(map[string]chan answer)}
	server := o.Server
	server.Profile, server.WSPath = emulator.Generic, hubSocket
	server.Limits = broker.Limits{
		MaxPacketSize:     256<<10 + 4096,
		MaximumQoS:        packet.Some(packet.QoS1),
		MaxKeepAlive:      1177,
		SessionExpiryV311: 3600,
		MaxQueued:         50,
		MaxSubscriptions:  5,
		MaxSessionExpiry:  1,
	}
	server.Hooks = broker.Hooks{Connect: h.connect, Publish: h.publish, Subscribe: h.subscribe}
	server.OnEvent, server.Events = h.event, broker.EventAll
	var err error
	h.Server, err = emulator.Start(server)
	return h, err
}

// Close ends the server and everything that was to come.
func (h *Hub) Close() error {
	h.expiries.close()
	return h.Server.Close()
}

// Seen returns the counters.
func (h *Hub) Seen() HubStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen
}

func (h *Hub) count(f func(*HubStats)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.seen)
}

// connect checks version, names and credential.
func (h *Hub) connect(_ broker.Instant, c *broker.Client, p *packet.Connect) broker.ConnectDecision {
	refuse := func(code packet.ReasonCode) broker.ConnectDecision {
		h.count(func(s *HubStats) { s.Refused++ })
		return broker.ConnectDecision{Code: code}
	}
	key, known := h.o.Devices[c.ID]
	name, query, _ := strings.Cut(p.Username, "/?")
	switch {
	case c.Version != packet.V311:
		return refuse(packet.UnsupportedProtocolVersion)
	case !known, !strings.EqualFold(name, h.o.Host+"/"+c.ID), !strings.Contains(query, "api-version="):
		return refuse(packet.NotAuthorized)
	case key == "":
		if len(c.Info.Certificates) == 0 || c.Info.Certificates[0].Subject.CommonName != deviceOf(c.ID) {
			return refuse(packet.NotAuthorized)
		}
	default:
		resource := h.o.Host + "/devices/" + deviceOf(c.ID)
		if _, module, ok := strings.Cut(c.ID, "/"); ok {
			resource += "/modules/" + module
		}
		sig, err := parseSignature(string(p.Password))
		if err == nil {
			err = sig.check(resource, key, time.Now())
		}
		if err != nil {
			return refuse(packet.NotAuthorized)
		}
		h.expires(c, sig.expires.Add(h.o.Grace))
	}
	h.count(func(s *HubStats) { s.Connects++ })
	return broker.ConnectDecision{}
}

func deviceOf(clientID string) string {
	id, _, _ := strings.Cut(clientID, "/")
	return id
}

func (h *Hub) expires(c *broker.Client, at time.Time) {
	id := c.ID
	h.expiries.set(c.Conn, at, func() {
		h.count(func(s *HubStats) { s.Expired++ })
		_ = h.Server.DropClient(id)
	})
}

// closeFor ends a connection: in MQTT 3.1.1 the service has no other way to refuse.
func (h *Hub) closeFor() broker.PublishDecision {
	h.seen.Closed++
	return broker.PublishDecision{Code: packet.NotAuthorized, Disconnect: true}
}

// publish lets nothing pass but what the service documents, and that to no other client.
func (h *Hub) publish(_ broker.Instant, c *broker.Client, p *packet.Publish) broker.PublishDecision {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.QoS > packet.QoS1 || len(p.Payload) > 256<<10 || !documented(c.ID, p.Topic) {
		return h.closeFor()
	}
	if strings.HasPrefix(p.Topic, telemetryPrefix(c.ID)) {
		h.seen.Telemetry++
		if p.Dup {
			h.seen.Duplicate++
		}
	}
	return broker.PublishDecision{Consume: true}
}

func telemetryPrefix(clientID string) string {
	if device, module, ok := strings.Cut(clientID, "/"); ok {
		return "devices/" + device + "/modules/" + module + "/messages/events/"
	}
	return "devices/" + clientID + "/messages/events/"
}

func documented(clientID, topic string) bool {
	for _, prefix := range []string{telemetryPrefix(clientID), twinGet, twinReport, methodAnswer} {
		if strings.HasPrefix(topic, prefix) {
			return true
		}
	}
	return false
}

// subscribe grants the documented filters, at QoS 1 at most.
func (h *Hub) subscribe(_ broker.Instant, c *broker.Client, f packet.Filter) broker.SubscribeDecision {
	device, module, isModule := strings.Cut(c.ID, "/")
	own := "devices/" + device + "/messages/devicebound/#"
	if isModule {
		own = "devices/" + device + "/modules/" + module + "/#"
	}
	switch f.Filter {
	case own, twinAnswers + "#", twinDesired + "#", methodRequest + "#":
		return broker.SubscribeDecision{MaxQoS: packet.Some(packet.QoS1)}
	}
	h.count(func(s *HubStats) { s.Closed++ })
	return broker.SubscribeDecision{Code: packet.NotAuthorized, Disconnect: true}
}

// event follows sessions, and does what the messages of devices ask for.
func (h *Hub) event(e broker.Event) {
	id := e.Client.ID
	switch e.Kind {
	case broker.EventDisconnected, broker.EventRefused:
		h.expiries.forget(e.Client.Conn)
	case broker.EventSessionEnded:
		h.mu.Lock()
		delete(h.subs, id)
		h.mu.Unlock()
	case broker.EventSubscribed, broker.EventUnsubscribed:
		h.mu.Lock()
		if h.subs[id] == nil {
			h.subs[id] = make(map[string]bool)
		}
		for _, f := range e.Filters {
			h.subs[id][f] = e.Kind == broker.EventSubscribed
		}
		h.mu.Unlock()
	case broker.EventPublished:
		if e.Consumed {
			h.message(id, e.Message)
		}
	}
}

// message handles what a device has sent.
func (h *Hub) message(id string, m *packet.Publish) {
	if bag, ok := strings.CutPrefix(m.Topic, telemetryPrefix(id)); ok {
		if h.o.OnTelemetry != nil {
			h.o.OnTelemetry(Telemetry{Device: id, Bag: bag, Payload: m.Payload, Duplicate: m.Dup, Retain: m.Retain})
		}
		return
	}
	if rest, ok := strings.CutPrefix(m.Topic, methodAnswer); ok {
		h.answered(rest, m.Payload)
		return
	}
	h.twinRequest(id, m)
}

// send sends to a device, if it has subscribed.
func (h *Hub) send(id, filter, topic string, payload []byte) bool {
	h.mu.Lock()
	subscribed := h.subs[id][filter]
	h.mu.Unlock()
	return subscribed && h.Server.Send(id, packet.Publish{Topic: topic, Payload: payload, QoS: packet.QoS1}) == nil
}

// Send sends a cloud-to-device message, with a bag of encoded properties. It reports whether the device has a session
// that takes it.
func (h *Hub) Send(device, bag string, payload []byte) bool {
	topic := "devices/" + device + "/messages/devicebound/"
	return h.send(device, topic+"#", topic+bag, payload)
}
