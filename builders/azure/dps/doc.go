// Package dps registers a device with the Device Provisioning Service, which tells its IoT Hub.
//
//	a, err := dps.Register(ctx, dps.Options{Scope: "0ne00000001", RegistrationID: "sn-007", Key: key})
//	endpoint, d, err := a.Endpoint()
//	client, err := mqtt.New(d.Defaults(mqtt.Config{Endpoint: endpoint}))
//
// Keep what it says: to register at every start is slow and throttled. Register again when the hub has refused the device for
// a while.
package dps
