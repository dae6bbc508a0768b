// Package shadow is a client of the AWS IoT Device Shadow service: documents in the cloud through which a device and
// applications agree on its state, whether it is online or not.
//
//	requests := reqres.New(client)
//	thermostat, err := shadow.New(requests, "thermostat-7")
//	doc, err := thermostat.Update(ctx, shadow.Update{Reported: map[string]any{"temperature": 21.5}})
//
// A [Client] is for one shadow, the classic one of a thing or a named one; make as many as there are things and shadows
// behind a connection. It has every operation and stream of the service. [As] gives it types: [Typed]. [Start] keeps a
// value of the device and its shadow equal: [Sync].
//
// # Rules of the service
//
// The device writes reported, applications write desired. An update changes what it names: null removes, objects are
// merged, anything else replaces. Each change raises the version; an update that gives one is refused with
// [ErrVersionConflict] where it is not the current one. As long as desired has what reported has not, each update
// brings a [Delta] with it.
//
// Messages may come late or twice, and not in the order of their versions. A shadow holds 8 KB unless the account has
// more, nested 8 deep at the most.
//
// The rules are those of the [developer guide].
//
// [developer guide]: https://docs.aws.amazon.com/iot/latest/developerguide/iot-device-shadows.html
package shadow
