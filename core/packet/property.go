package packet

import (
	"fmt"
	"slices"
)

// propertyID identifies a property of MQTT 5 (section 2.2.2.2).
type propertyID byte

const (
	propPayloadFormat       propertyID = 0x01
	propMessageExpiry       propertyID = 0x02
	propContentType         propertyID = 0x03
	propResponseTopic       propertyID = 0x08
	propCorrelationData     propertyID = 0x09
	propSubscriptionID      propertyID = 0x0B
	propSessionExpiry       propertyID = 0x11
	propAssignedClientID    propertyID = 0x12
	propServerKeepAlive     propertyID = 0x13
	propAuthMethod          propertyID = 0x15
	propAuthData            propertyID = 0x16
	propRequestProblemInfo  propertyID = 0x17
	propWillDelay           propertyID = 0x18
	propRequestResponseInfo propertyID = 0x19
	propResponseInformation propertyID = 0x1A
	propServerReference     propertyID = 0x1C
	propReasonString        propertyID = 0x1F
	propReceiveMaximum      propertyID = 0x21
	propTopicAliasMaximum   propertyID = 0x22
	propTopicAlias          propertyID = 0x23
	propMaximumQoS          propertyID = 0x24
	propRetainAvailable     propertyID = 0x25
	propUserProperty        propertyID = 0x26
	propMaximumPacketSize   propertyID = 0x27
	propWildcardAvailable   propertyID = 0x28
	propSubscriptionIDAvail propertyID = 0x29
	propSharedAvailable     propertyID = 0x2A
	propertyCount                      = 0x2B
)

var propertyNames = [propertyCount]string{
	propPayloadFormat:       "payload format indicator",
	propMessageExpiry:       "message expiry interval",
	propContentType:         "content type",
	propResponseTopic:       "response topic",
	propCorrelationData:     "correlation data",
	propSubscriptionID:      "subscription identifier",
	propSessionExpiry:       "session expiry interval",
	propAssignedClientID:    "assigned client identifier",
	propServerKeepAlive:     "server keep alive",
	propAuthMethod:          "authentication method",
	propAuthData:            "authentication data",
	propRequestProblemInfo:  "request problem information",
	propWillDelay:           "will delay interval",
	propRequestResponseInfo: "request response information",
	propResponseInformation: "response information",
	propServerReference:     "server reference",
	propReasonString:        "reason string",
	propReceiveMaximum:      "receive maximum",
	propTopicAliasMaximum:   "topic alias maximum",
	propTopicAlias:          "topic alias",
	propMaximumQoS:          "maximum QoS",
	propRetainAvailable:     "retain available",
	propUserProperty:        "user property",
	propMaximumPacketSize:   "maximum packet size",
	propWildcardAvailable:   "wildcard subscription available",
	propSubscriptionIDAvail: "subscription identifier available",
	propSharedAvailable:     "shared subscription available",
}

// String returns the name of a property that exists.
func (p propertyID) String() string { return propertyNames[p] }

// propertySet is what one packet may carry, in the order of the specification: the first property has section .2,
// behind the property length.
type propertySet struct {
	section string
	ids     []propertyID
}

// propertySets says which packet may carry which property.
var propertySets = [16]propertySet{
	will: {"3.1.3.2", []propertyID{propWillDelay, propPayloadFormat, propMessageExpiry, propContentType,
		propResponseTopic, propCorrelationData, propUserProperty}},
	CONNECT: {"3.1.2.11", []propertyID{propSessionExpiry, propReceiveMaximum, propMaximumPacketSize,
		propTopicAliasMaximum, propRequestResponseInfo, propRequestProblemInfo, propUserProperty, propAuthMethod,
		propAuthData}},
	CONNACK: {"3.2.2.3", []propertyID{propSessionExpiry, propReceiveMaximum, propMaximumQoS, propRetainAvailable,
		propMaximumPacketSize, propAssignedClientID, propTopicAliasMaximum, propReasonString, propUserProperty,
		propWildcardAvailable, propSubscriptionIDAvail, propSharedAvailable, propServerKeepAlive,
		propResponseInformation, propServerReference, propAuthMethod, propAuthData}},
	PUBLISH: {"3.3.2.3", []propertyID{propPayloadFormat, propMessageExpiry, propTopicAlias, propResponseTopic,
		propCorrelationData, propUserProperty, propSubscriptionID, propContentType}},
	PUBACK:      {"3.4.2.2", []propertyID{propReasonString, propUserProperty}},
	PUBREC:      {"3.5.2.2", []propertyID{propReasonString, propUserProperty}},
	PUBREL:      {"3.6.2.2", []propertyID{propReasonString, propUserProperty}},
	PUBCOMP:     {"3.7.2.2", []propertyID{propReasonString, propUserProperty}},
	SUBSCRIBE:   {"3.8.2.1", []propertyID{propSubscriptionID, propUserProperty}},
	SUBACK:      {"3.9.2.1", []propertyID{propReasonString, propUserProperty}},
	UNSUBSCRIBE: {"3.10.2.1", []propertyID{propUserProperty}},
	UNSUBACK:    {"3.11.2.1", []propertyID{propReasonString, propUserProperty}},
	DISCONNECT: {"3.14.2.2", []propertyID{propSessionExpiry, propReasonString, propUserProperty,
		propServerReference}},
	AUTH: {"3.15.2.2", []propertyID{propAuthMethod, propAuthData, propReasonString, propUserProperty}},
}

// propertyMasks has bit n of a packet's element set where the packet may carry property n.
var propertyMasks = func() (masks [16]uint64) {
	for t, set := range propertySets {
		for _, id := range set.ids {
			masks[t] |= 1 << id
		}
	}
	return masks
}()

// propertySection names the section that defines a property for a packet, or for the will.
func propertySection(in Type, id propertyID) string {
	set := propertySets[in]
	return fmt.Sprintf("%s.%d", set.section, 2+slices.Index(set.ids, id))
}
