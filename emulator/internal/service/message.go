package service

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// Request is a message that a client has published to a reserved topic. Its payload is valid during the call only.
type Request struct {
	Now           time.Time
	ClientID      string
	CertificateID string // of the certificate the client showed; empty without one
	Topic         string
	Payload       []byte
	Fault         *iotcore.Fault // that befalls its answers; nil: none
}

// Message is something to publish.
type Message struct {
	Packet packet.Publish
	// To is a client that gets the message whether or not it has subscribed; empty for none. It gets one copy.
	To string
	// Fan distributes the message to everyone who has subscribed.
	Fan bool
	// Fault is what befalls the message where it is decided on later than its request was handled; nil: nothing.
	Fault *iotcore.Fault
}

// Reply is the answer to a request, for its sender only: other clients do not see it, subscribed or not.
func Reply(r *Request, topic string, payload []byte) Message {
	return Message{Packet: publish(topic, payload), To: r.ClientID, Fault: r.Fault}
}

// Broadcast is a message for everyone who has subscribed.
func Broadcast(topic string, payload []byte) Message {
	return Message{Packet: publish(topic, payload), Fan: true}
}

func publish(topic string, payload []byte) packet.Publish {
	return packet.Publish{Topic: topic, Payload: payload, QoS: packet.QoS1}
}
