// Package azure stands in for Azure's MQTT services: Event Grid namespaces, IoT Hub, and the Device Provisioning Service,
// as far as a device sees them.
//
//	issuer, err := azure.NewIssuer()
//	grid, err := azure.StartEventGrid(azure.EventGridOptions{Issuer: issuer})
//	defer grid.Close()
//
// Each is an [emulator.Server] with the generic profile and the limits, checks and answers of the service on top. It serves
// WebSockets on the path of the service where Server.WSAddr or Server.WSSAddr asks for them. What a re-authentication ends
// with, and what a connection does when its token expires, can be scripted: the services document little of it.
//
// Limits, topics and formats are those of Microsoft's documentation of 2023 to 2025 and of what its SDKs send.
package azure
