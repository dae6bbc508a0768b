package gate

import (
	"fmt"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// ingest is the prefix of basic ingest: $aws/rules/RULE/TOPIC.
const ingest = "$aws/rules/"

// bare returns what of a topic counts against the quotas: neither the prefix of basic ingest nor that of a shared
// subscription.
func bare(topic string) string {
	if rest, ok := strings.CutPrefix(topic, ingest); ok {
		if _, rest, ok = strings.Cut(rest, "/"); ok {
			return rest
		}
	}
	if _, inner, ok := packet.SplitShared(topic); ok {
		return inner
	}
	return topic
}

// checkTopic applies the quotas for topics and filters, and says in words what is wrong.
func (g *Gate) checkTopic(topic string) string {
	topic = bare(topic)
	if most := clamp(g.quotas.Topic, 1<<20); len(topic) > most {
		return fmt.Sprintf("the topic is longer than %d bytes", most)
	}
	most := clamp(g.quotas.Slashes, 1<<20)
	if strings.HasPrefix(topic, "$aws/commands/") {
		most = max(most, 8) // the service's own topics for answers have as many
	}
	if strings.Count(topic, "/") > most {
		return fmt.Sprintf("the topic has more than %d slashes", most)
	}
	return ""
}

// maxGroupName is how many bytes the name of a shared subscription's group may have.
const maxGroupName = 128

// reserved reports whether a topic belongs to the service.
func reserved(topic string) bool { return strings.HasPrefix(topic, "$") }

// ownTopics are the beginnings of reserved topics that clients may use, after $aws/.
var ownTopics = []string{"things/", "certificates/", "provisioning-templates/", "commands/", "rules/", "events/", "device_location/"}

// known reports whether the service has a reserved topic or filter.
func known(topic string) bool {
	rest, ok := strings.CutPrefix(topic, "$aws/")
	if !ok {
		return false
	}
	for _, prefix := range ownTopics {
		if strings.HasPrefix(rest, prefix) {
			return true
		}
	}
	return false
}
