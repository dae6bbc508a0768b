// Package azureiot reaches the MQTT services of Azure. Each way in is one function, which returns an endpoint for
// [mqtt.Config]:
//
//   - [EventGrid], [EventGridToken], [EventGridX509], [EventGridWebhook]: the MQTT broker of Event Grid namespaces, with a
//     Microsoft Entra identity, a token of your own issuer, a certificate, or what your webhook asks for.
//   - [IoTHub], [IoTHubX509]: IoT Hub, with the key of a device or module, or a certificate. Package iothub below has
//     telemetry, cloud-to-device messages, twins and methods; package dps the Device Provisioning Service.
//   - [Operations], [OperationsFromEnv]: the broker of Azure IoT Operations, with a service account token.
//
// The module chain below brings azidentity along; everything else takes the interface azcore.TokenCredential.
//
//	endpoint, err := azureiot.EventGrid("factory.westeurope-1.ts.eventgrid.azure.net", credential)
//	client, err := mqtt.New(azureiot.EventGridDefaults(mqtt.Config{Endpoint: endpoint, ClientID: "line-4"}))
//
// # Credentials
//
// They are asked for at every attempt, and what fails is tried again. While a connection lasts they are renewed: in place
// where the service has re-authentication (Event Grid, IoT Operations), by a planned reconnect that loses no publish at QoS
// 1 where it has not (IoT Hub with a key). Tokens are replaced at the time that their issuer recommends, else in the last
// five minutes of their life, or in the second half of a short one, and only by different ones that live longer: until then
// azidentity hands out the same token again. A re-authentication that the broker puts off or ends the connection for is made
// up for.
//
// An endpoint with a token is for one client: two would take the token that one of them has sent for their own. Make one
// for each; they may share the credential.
//
// # What is not certain
//
// Some of what Azure's services do is not documented, or not twice in the same way. The paths of WebSockets (Event Grid's is
// that of a sample; at the Device Provisioning Service Microsoft's SDKs use $iothub/websocket and /), the audience of
// Event Grid's tokens, the authentication method of its webhooks and that of a custom JWT are therefore options. Nor is it
// said what a broker does when a token expires: DISCONNECT 0x87, or an end without a word, both lead to a new attempt with
// a new token.
//
// # Secrets
//
// Keys, tokens and pass phrases appear neither in errors of this package nor in any formatted form of its types.
package azureiot
