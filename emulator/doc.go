// Package emulator is AWS IoT Core to test against, started from a Go program as [net/http/httptest] starts a web server:
//
//	srv, err := emulator.Start(emulator.Options{})
//	...
//	defer srv.Close()
//	device, err := srv.Device("thermostat-7") // a thing with a certificate, and where to connect to
//
// What stands for port 443 looks at the client's ALPN as the service does: MQTT by mutual TLS, MQTT with a custom
// authorizer, HTTPS and WebSockets. What stands for port 8883 is MQTT by mutual TLS. Quotas, reserved topics, CONNACK and
// refusals are those of the service; see package iotcore for what can be set.
//
// Device Shadow, Jobs, Fleet Provisioning and Commands answer on their topics. Methods of [Server] stand for the cloud's
// side of them: [Server.UpdateShadow], [Server.CreateJob], [Server.PutProvisioningTemplate], [Server.StartCommand];
// [Server.InjectFault] makes them fail, [Server.Advance] lets time pass.
//
// With Options.Profile set to [Generic] it is a full broker for MQTT 5 and 3.1.1 without the limits of a cloud service, which
// serves WebSockets where Options.WSAddr and Options.WSSAddr say.
//
// It speaks TCP, TLS with certificates of its own making, WebSockets, and an in-memory network that works inside a
// testing/synctest bubble. It listens on loopback addresses only, unless told otherwise.
//
// The protocol is in package broker, a state machine that the simulator drives as well; package memnet is the in-memory
// network. The command gneiss-emulator runs the same thing by hand.
package emulator
