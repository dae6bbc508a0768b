// Package jobs is a client of AWS IoT Jobs: work that the cloud gives to devices, such as an update of their software,
// and that devices report on.
//
//	requests := reqres.New(client)
//	lamp, err := jobs.New(requests, "lamp-7")
//	agent := jobs.NewAgent(lamp, func(ctx context.Context, job *jobs.Job) error {
//		return install(ctx, job.Document)
//	})
//	err = agent.Run(ctx)
//
// A [Client] is for one thing and has every operation and stream of the service. An [Agent] runs jobs, one after the
// other, and knows what a device has to know: it is what most programs need.
//
// # Rules of the service
//
// An execution is a job on one thing. It is QUEUED, then IN_PROGRESS, then at an end: SUCCEEDED, FAILED or REJECTED by
// the device, TIMED_OUT, CANCELED or REMOVED by the service. Each change raises its version; an update that expects
// another version is refused with [ErrVersionMismatch]. Executions in progress come first, then those that were queued
// first. Notifications reach only who is connected and subscribed.
//
// The rules are those of the [developer guide].
//
// [developer guide]: https://docs.aws.amazon.com/iot/latest/developerguide/iot-jobs.html
package jobs
