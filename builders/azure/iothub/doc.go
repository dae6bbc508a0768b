// Package iothub is what a device says to its IoT Hub: telemetry, cloud-to-device messages, its twin, and direct methods.
//
//	d := azureiot.Device{ID: "pump-7"}
//	endpoint, err := azureiot.IoTHub("hub.azure-devices.net", d, azureiot.SAS{Key: key})
//	client, err := mqtt.New(d.Defaults(mqtt.Config{Endpoint: endpoint}))
//	device := iothub.New(client, d)
//	err = device.Send(ctx, iothub.Telemetry{Payload: reading, ContentType: "application/json", ContentEncoding: "utf-8"})
//
// IoT Hub speaks MQTT 3.1.1 and is no broker: it has these topics and no others, and closes the connection for anything
// else. It has no error replies either, except for twins: those are a [*StatusError].
package iothub
