// Package reqres makes requests and receives event streams over MQTT topics, on one [mqtt.Client].
//
//	requests := reqres.New(client)
//	answer, err := requests.Do(ctx, reqres.Request{
//		Message: mqtt.Publish{Topic: "lamp/7/set", Payload: []byte("on")},
//		Reply:   "lamp/7/set/" + me,
//		Match:   reqres.ByCorrelation,
//	})
//
// # Requests
//
// [Client.Do] subscribes to where the answer comes, waits until the broker has granted that, publishes, and waits for the
// answer. [Match] says how it is told from other messages: by the correlation data of MQTT 5, by a token in a JSON
// payload, or by nothing but its topic. There is no time limit but the context's. Every request ends: with its answer,
// or with an [*Error] as soon as it is known that no answer can come, as after a refused subscription, a refused
// publish, or the loss of the session in which it was sent.
//
// # Streams
//
// [Client.OpenStream] hands the messages of a filter to a function. A stream lives through reconnects; its events say
// when messages may have been missed. [Client.Serve] answers requests.
//
// # Subscriptions
//
// Filters are shared by all that need them, and are kept after a request for the next one. Brokers limit the
// subscriptions of a connection; [Options.Budget] bounds those of a client, and the ones used longest ago make room when
// it is reached. Make one client for each [mqtt.Client], and share it.
package reqres
