package awsiot

import (
	"errors"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// connectGrant is the statement that CONNECT needs.
func connectGrant(f *facts) string { return f.grant([]string{"client/" + f.clientID}, "iot:Connect") }

// notAuthorized reports whether CONNACK says that the client may not connect. To MQTT 3.1.1 the service may answer with
// return code 7, which the specification does not have.
func (f *facts) notAuthorized() bool {
	if f.carries(packet.CONNACK, packet.NotAuthorized, packet.BadUserNameOrPassword) {
		return true
	}
	e, ok := errors.AsType[*packet.Error](f.err)
	return ok && e.Packet == packet.CONNACK && strings.Contains(e.Detail, "return code 7 ")
}

// What can be wrong with CONNECT.
var connectRows = []row{
	{
		cause:  CauseAuthorizer,
		when:   func(f *facts) bool { return f.mode == modeCustomAuth && f.notAuthorized() },
		likely: "the custom authorizer did not let the client in",
		check: []string{
			"the log of its Lambda function: does it return isAuthenticated, and a policy that allows iot:Connect for client {client}",
			"if it was not asked: its name, that it is active, and the token's signature, where signing is enabled",
			"that AWS IoT Core may call the function, and that it answers within 5 seconds",
		},
		grant: connectGrant,
	},
	{
		cause:  CausePolicy,
		when:   func(f *facts) bool { return f.mode == modeSigV4 && f.notAuthorized() },
		likely: "no policy allows the client identifier {client}",
		check: []string{
			"the IAM policy of the credentials: it has to allow iot:Connect for this client identifier",
			"for an authenticated Amazon Cognito identity, that an IoT policy is attached to it as well",
		},
		grant: connectGrant,
	},
	{
		cause:  CausePolicy,
		when:   func(f *facts) bool { return f.mode == modeMutualTLS && f.notAuthorized() },
		likely: "no policy allows the client identifier {client}",
		check: []string{
			"that a policy is attached to the certificate, and allows iot:Connect for this client identifier",
			"where the policy uses thing variables, that the client identifier is the name of a thing that is attached to the certificate",
		},
		grant: connectGrant,
	},
	{
		cause:  CauseClientID,
		when:   func(f *facts) bool { return f.carries(packet.CONNACK, packet.ClientIdentifierNotValid) },
		likely: "the service does not take the client identifier {client}",
		check:  []string{"its length, at most 128 bytes", "its beginning: $ is reserved"},
	},
	{
		cause: CauseQuota,
		when: func(f *facts) bool {
			return f.carries(packet.CONNACK, packet.QuotaExceeded, packet.ConnectionRateExceeded)
		},
		likely: "the service takes no more CONNECT packets at the moment",
		check: []string{
			"whether two devices have the client identifier {client}: each takes the session from the other, once in a second",
			"the account's quotas of connections and of CONNECT requests",
		},
	},
	{
		cause:  CauseQoS,
		when:   func(f *facts) bool { return f.carries(packet.CONNACK, packet.QoSNotSupported) },
		likely: "the service has no QoS 2, the will's neither",
		check:  []string{"the QoS of the will: 0 or 1"},
	},
	{
		cause: CauseTopic,
		when: func(f *facts) bool {
			return f.carries(packet.CONNACK, packet.TopicNameInvalid)
		},
		likely: "the service does not take the will's topic",
		check:  []string{"its length, at most 256 bytes and 7 slashes", "that it is no reserved topic: $aws/..."},
	},
	{
		cause:  CausePayload,
		when:   func(f *facts) bool { return f.carries(packet.CONNACK, packet.PacketTooLarge) },
		likely: "the CONNECT is too large",
		check:  []string{"the will's payload, at most 128 KiB", "the user properties"},
	},
	{
		cause: CauseService,
		when: func(f *facts) bool {
			return f.carries(packet.CONNACK, packet.ServerUnavailable, packet.ServerBusy, packet.UnspecifiedError)
		},
		likely: "the service cannot take the connection at the moment",
		check:  []string{"the AWS Health Dashboard, if it lasts", "the client identifier and its policy: some refusals come without a reason"},
	},
	{
		cause:  CauseAuthorizer,
		when:   func(f *facts) bool { return f.mode == modeCustomAuth && f.refusedEarly() },
		likely: "the service hung up instead of answering the CONNECT: most likely no authorizer let the client in",
		check: []string{
			"the authorizer's name, that it is active, and that there is a default one where no name is given",
			"the token's signature, where signing is enabled: without a valid one the function is not even asked",
			"that the port is 443 and the ALPN protocol mqtt, where there is no WebSocket",
		},
	},
	{
		cause:  CausePolicy,
		when:   func(f *facts) bool { return f.mode == modeSigV4 && f.refusedEarly() },
		likely: "the service hung up instead of answering the CONNECT: most likely no policy allows the client identifier {client}",
		check: []string{
			"the IAM policy of the credentials: it has to allow iot:Connect for this client identifier",
			"for an authenticated Amazon Cognito identity, that an IoT policy is attached to it as well",
		},
		grant: connectGrant,
	},
	{
		cause:  CauseCertificate,
		when:   func(f *facts) bool { return f.mode == modeMutualTLS && f.refusedEarly() },
		likely: "the service hung up instead of answering the CONNECT: most likely it does not know the device's certificate, or no policy allows the client identifier {client}",
		check: []string{
			"that the certificate is registered in this account and region, and ACTIVE",
			"that a policy is attached to it, and allows iot:Connect for this client identifier",
			"that the endpoint is the one of the certificate's account and region",
		},
		grant: connectGrant,
	},
	{
		cause: CauseAuthorizer,
		when: func(f *facts) bool {
			return f.mode == modeCustomAuth && f.connected && !f.accepted && errors.Is(f.err, mqtt.ErrConnectTimeout)
		},
		likely: "the CONNECT was not answered in time",
		check:  []string{"how long the authorizer's Lambda function takes: it has 5 seconds", "Config.ConnectTimeout"},
	},
	{
		cause:  CauseNetwork,
		when:   func(f *facts) bool { return f.connected && !f.accepted && errors.Is(f.err, mqtt.ErrConnectTimeout) },
		likely: "the connection was made, but the CONNECT was not answered",
		check:  []string{"whether something on the way lets no large packets through (MTU)", "Config.ConnectTimeout"},
	},
}
