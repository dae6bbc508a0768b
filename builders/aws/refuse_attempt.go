package awsiot

import (
	"cmp"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"
)

// What can be wrong before there is a connection.

var credentialRows = []row{
	{
		cause: CauseCredentials,
		when: func(f *facts) bool {
			e, ok := errors.AsType[*CredentialsRefusal](f.err)
			return ok && e.StatusCode == http.StatusForbidden
		},
		likely: "the credentials provider does not let this certificate assume the role",
		check: []string{
			"that the certificate is registered, active, and has an IoT policy that allows iot:AssumeRoleWithCertificate on the role alias",
			"that the thing name that is asked for is attached to the certificate",
			"that the role trusts credentials.iot.amazonaws.com",
		},
		grant: func(f *facts) string {
			e, _ := errors.AsType[*CredentialsRefusal](f.err) // as in when
			return f.grant([]string{"rolealias/" + cmp.Or(e.RoleAlias, "ROLE_ALIAS")}, "iot:AssumeRoleWithCertificate")
		},
	},
	{
		cause: CauseCredentials,
		when: func(f *facts) bool {
			e, ok := errors.AsType[*CredentialsRefusal](f.err)
			return ok && e.StatusCode < 500 && e.StatusCode != http.StatusTooManyRequests
		},
		likely: "the credentials provider does not know the role alias",
		check: []string{
			"the spelling of the role alias, which is not the name of the role",
			"that the endpoint is the one of type iot:CredentialProvider, in the region of the role alias",
		},
	},
	{
		cause:  CauseCredentials,
		when:   func(f *facts) bool { _, ok := errors.AsType[*CredentialsError](f.err); return ok },
		likely: "there are no AWS credentials to sign with",
		check: []string{
			"where the AWS configuration takes its credentials from: environment, shared files, a role, a certificate",
			"that what it takes them from can be reached, and that they have not expired by this device's clock ({now})",
		},
	},
}

var networkRows = []row{
	{
		cause:  CauseName,
		when:   func(f *facts) bool { e, ok := errors.AsType[*net.DNSError](f.err); return ok && e.IsNotFound },
		likely: "there is no such name",
		check: []string{
			"the name of the endpoint: aws iot describe-endpoint --endpoint-type iot:Data-ATS gives the one of the account in a region",
			"that the device's network resolves public names",
		},
	},
	{
		cause: CauseProxy,
		when: func(f *facts) bool {
			e, ok := f.proxy()
			return ok && e.Status == http.StatusProxyAuthRequired
		},
		likely: "the proxy wants other credentials, or some",
		check:  []string{"the user name and the password in the proxy's URL", "that the proxy offers basic authentication"},
	},
	{
		cause:  CauseProxy,
		when:   func(f *facts) bool { _, ok := f.proxy(); return ok },
		likely: "the proxy does not let the connection through",
		check:  []string{"that it allows CONNECT to {host} on port {port}", "port 443, which proxies allow more often than 8883"},
	},
	{
		cause:  CauseNetwork,
		when:   func(f *facts) bool { return f.unreachable() && f.port == PortMQTTS },
		likely: "port 8883 cannot be reached",
		check:  []string{"firewalls, many of which allow port 443 only: leave Options.Port at its default", "that the network needs no proxy"},
	},
	{
		cause:  CauseNetwork,
		when:   (*facts).unreachable,
		likely: "{host} cannot be reached on port {port}",
		check:  []string{"the network, its firewalls, and whether it needs a proxy"},
	},
}

// The alerts of RFC 8446 section 6 that a service sends.
const (
	alertHandshakeFailure    = 40
	alertBadCertificate      = 42
	alertUnsupported         = 43
	alertRevoked             = 44
	alertExpired             = 45
	alertUnknownCertificate  = 46
	alertUnknownCA           = 48
	alertAccessDenied        = 49
	alertDecryptError        = 51
	alertProtocolVersion     = 70
	alertUnrecognizedName    = 112
	alertCertificateRequired = 116
	alertNoProtocol          = 120
)

func (f *facts) alerted(alerts ...uint64) bool {
	for _, a := range alerts {
		if f.alert == a {
			return true
		}
	}
	return false
}

var tlsRows = []row{
	{
		cause: CauseRoots,
		when: func(f *facts) bool {
			_, ok := errors.AsType[x509.UnknownAuthorityError](f.err)
			return ok && f.host.kind == hostLegacy
		},
		likely: "the endpoint has a certificate of an authority that is trusted no more",
		check:  []string{"the endpoint of type iot:Data-ATS, whose name has -ats in it"},
	},
	{
		cause:  CauseRoots,
		when:   func(f *facts) bool { _, ok := errors.AsType[x509.UnknownAuthorityError](f.err); return ok },
		likely: "the certificate of {host} is of an authority that this device does not trust",
		check: []string{
			"that the system has root certificates, or set Options.RootCAs to AmazonRootCA1.pem and AmazonRootCA3.pem",
			"whether something on the way looks into TLS: then its root has to be trusted",
		},
	},
	{
		cause:  CauseName,
		when:   func(f *facts) bool { _, ok := errors.AsType[x509.HostnameError](f.err); return ok },
		likely: "the server's certificate is not one for {host}",
		check: []string{
			"the name of the endpoint",
			"for a custom domain, that its domain configuration is enabled and has a certificate for this name",
		},
	},
	{
		cause: CauseClock,
		when: func(f *facts) bool {
			e, ok := errors.AsType[x509.CertificateInvalidError](f.err)
			return ok && e.Reason == x509.Expired
		},
		likely: "the server's certificate is not valid now, by this device's clock ({now})",
		check:  []string{"the clock: a device without a battery for it starts in the past"},
	},
	{
		cause:  CauseClock,
		when:   func(f *facts) bool { return (f.refusedEarly() || f.alert != 0) && f.early() },
		likely: "the device's certificate is valid from {from}, and this device's clock says {now}",
		check:  []string{"the clock", "the certificate"},
	},
	{
		cause: CauseCertificate,
		when: func(f *facts) bool {
			return f.alerted(alertExpired) || (f.refusedEarly() || f.alert != 0) && f.expired()
		},
		likely: "the device's certificate has expired: it was valid until {until}",
		check:  []string{"the certificate, and why it was not replaced", "this device's clock, which says {now}"},
	},
	{
		cause:  CauseCertificate,
		when:   func(f *facts) bool { return f.alerted(alertRevoked) },
		likely: "the device's certificate has been revoked",
		check:  []string{"its status in AWS IoT Core, which has to be ACTIVE"},
	},
	{
		cause: CauseProtocol,
		when: func(f *facts) bool {
			return f.mode == modeCustomAuth && f.port == PortMQTTS && !f.accepted && (f.alert != 0 || f.refusedEarly())
		},
		likely: "port 8883 is for client certificates: no custom authorizer is asked there",
		check: []string{
			"port 443, where the ALPN protocol mqtt asks for the custom authorizer",
			"the authentication type of the domain configuration, where there is one",
		},
	},
	{
		cause:  CauseCertificate,
		when:   func(f *facts) bool { return f.alerted(alertCertificateRequired) },
		likely: "the service wants a client certificate, and got none",
		check: []string{
			"that the way in is the right one: with a custom authorizer it needs port 443 and the ALPN protocol mqtt",
			"the authentication type of the domain configuration, where there is one",
		},
	},
	{
		cause:  CauseProtocol,
		when:   func(f *facts) bool { return f.alerted(alertNoProtocol) },
		likely: "the service does not know the ALPN protocol that was offered",
		check:  []string{"NextProtos of Options.Direct, which is best left alone", "the application protocol of the domain configuration, where there is one"},
	},
	{
		cause:  CauseName,
		when:   func(f *facts) bool { return f.alerted(alertUnrecognizedName) },
		likely: "the service does not know the name {host}",
		check:  []string{"ServerName of Options.Direct: it has to be the name of the endpoint", "that the domain configuration is enabled"},
	},
	{
		cause:  CauseProtocol,
		when:   func(f *facts) bool { return f.alerted(alertProtocolVersion) },
		likely: "the service does not take the version of TLS",
		check:  []string{"MinVersion and MaxVersion of Options.Direct", "the security policy of the domain configuration"},
	},
	{
		cause: CauseCertificate,
		when: func(f *facts) bool {
			return (f.mode == modeMutualTLS || f.leaf != nil) && f.alerted(alertHandshakeFailure, alertBadCertificate, alertUnsupported, alertUnknownCertificate, alertUnknownCA, alertAccessDenied, alertDecryptError)
		},
		likely: "the service does not take the device's certificate",
		check: []string{
			"that it is registered in this account and region, and ACTIVE",
			"its key: RSA with 2,048 bits or more, or P-256, P-384 or P-521",
			"for just-in-time registration, that its authority is registered and active",
		},
	},
	{
		cause:  CauseProtocol,
		when:   func(f *facts) bool { return f.alert != 0 && !f.accepted },
		likely: "the service broke the TLS handshake off",
		check:  []string{"the TLS configuration of Options.Direct", "the security policy of the domain configuration, where there is one"},
	},
}

// maxSkew is what a signature may be off by.
const maxSkew = 5 * time.Minute

var upgradeRows = []row{
	{
		cause: CauseClock,
		when: func(f *facts) bool {
			return f.mode == modeSigV4 && f.status(400, 401, 403) && f.skew.Abs() >= maxSkew-30*time.Second
		},
		likely: "the signature has the wrong time: this device's clock is {skew} the service's",
		check:  []string{"the clock, and what sets it"},
	},
	{
		cause: CauseCredentials,
		when: func(f *facts) bool {
			return f.mode == modeSigV4 && f.status(400, 401, 403) && f.mentions("Expired", "expired")
		},
		likely: "the AWS credentials have expired",
		check:  []string{"what the AWS configuration takes its credentials from: those in the environment or in a file are not renewed"},
	},
	{
		cause: CauseCredentials,
		when: func(f *facts) bool {
			return f.mode == modeSigV4 && f.status(400, 401, 403) && f.mentions("UnrecognizedClient", "InvalidClientTokenId", "MissingAuthenticationToken", "InvalidAccessKeyId", "security token")
		},
		likely: "the AWS credentials are not known, or the session token is missing or of other credentials",
		check: []string{
			"that the access key is active, and of this partition",
			"that temporary credentials come with their session token",
		},
	},
	{
		cause:  CauseSignature,
		when:   func(f *facts) bool { return f.mode == modeSigV4 && f.status(401, 403) },
		likely: "the service does not take the signature",
		check: []string{
			"the AWS credentials: they may have expired, been revoked, or be of another account",
			"the region that was signed for, {region}: it has to be the one of the endpoint",
			"this device's clock ({now}), which may be off by five minutes at most",
			"whether something on the way changes the request: its host and its query are signed",
		},
	},
	{
		cause:  CauseAuthorizer,
		when:   func(f *facts) bool { return f.mode == modeCustomAuth && f.status(401, 403) },
		likely: "the service does not let the WebSocket be opened",
		check: []string{
			"that the endpoint, or its domain configuration, allows custom authentication",
			"the headers and the query that Options.WebSocket adds, if any: the authorizer is asked with them",
		},
	},
	{
		cause:  CauseName,
		when:   func(f *facts) bool { return f.status(404, 405) },
		likely: "there is no MQTT over WebSocket at {host}",
		check:  []string{"that the endpoint is of type iot:Data-ATS"},
	},
	{
		cause:  CauseQuota,
		when:   func(f *facts) bool { return f.status(429, 503) },
		likely: "the service takes no more connections at the moment",
		check:  []string{"the rate of CONNECT of the account and of this client identifier: many devices that come back at once share it"},
	},
	{
		cause:  CauseService,
		when:   func(f *facts) bool { return f.http != nil && f.http.StatusCode >= 500 },
		likely: "the service has a problem of its own",
		check:  []string{"the AWS Health Dashboard, if it lasts"},
	},
	{
		cause:  CauseNetwork,
		when:   func(f *facts) bool { return f.http != nil },
		likely: "something else than AWS IoT Core has answered",
		check:  []string{"the name of the endpoint", "proxies and sign-in pages of the network"},
	},
}
