// Package commands receives the commands of AWS IoT Device Management and answers them: short orders to one device, with
// an answer within seconds, where a job would be too slow.
//
//	requests := reqres.New(client)
//	lamp, err := commands.New(requests, commands.Things, "lamp-7")
//	server, err := lamp.Serve(ctx, func(ctx context.Context, c *commands.Command) (commands.Result, error) {
//		return nil, toggle(c.Payload)
//	})
//
// [Client.Serve] is what most programs need: it takes commands in any format, each once, and answers them. Below it are
// the streams and the one operation of the service.
//
// # Rules of the service
//
// An execution is a command for one device. It ends when the device answers [Succeeded], [Failed], [Rejected] or
// [TimedOut]; a device that needs time may answer [InProgress] before. Where no answer comes in time the service takes the
// execution for timed out, but a late answer still counts. With MQTT 5 a command says how much time there is. Commands
// come at least once.
//
// The rules are those of the [developer guide].
//
// [developer guide]: https://docs.aws.amazon.com/iot/latest/developerguide/iot-remote-command.html
package commands
