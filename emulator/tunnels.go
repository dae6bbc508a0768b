package emulator

import (
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// NotifyTunnel tells a thing that a secure tunnel was opened to it, as the service does: with the token that it shall
// connect with as the destination, and the names of services, such as SSH. There is no tunnel behind it.
func (s *Server) NotifyTunnel(thing, token string, services ...string) error {
	if s.cloud == nil {
		return ErrNotAWS
	}
	if !account.ValidThingName(thing) {
		return fmt.Errorf("emulator: %q cannot be the name of a thing", thing)
	}
	body := struct {
		Token    string   `json:"clientAccessToken"`
		Mode     string   `json:"clientMode"`
		Region   string   `json:"region"`
		Services []string `json:"services"`
	}{token, "destination", s.cloud.account.Region, services}
	return s.Publish(packet.Publish{Topic: "$aws/things/" + thing + "/tunnels/notify", QoS: packet.QoS1, Payload: service.Encode(body)})
}
