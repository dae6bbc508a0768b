// Package defender reports a device's metrics to AWS IoT Device Defender, which compares them with what its rules allow and
// with what is usual for the device.
//
//	requests := reqres.New(client)
//	lamp, err := defender.New(requests, "lamp-7")
//	err = lamp.Send(ctx, defender.Report{
//		Network: &defender.Network{BytesIn: in, BytesOut: out},
//		Custom:  map[string]defender.Value{"battery": defender.Number(3.7)},
//	})
//
// # Rules of the service
//
// A device may report every five minutes; more often, reports may be refused. Counters of the network start over with
// each report. The names of custom metrics are made in the account first.
//
// The rules are those of the [developer guide].
//
// [developer guide]: https://docs.aws.amazon.com/iot/latest/developerguide/detect-device-side-metrics.html
package defender
