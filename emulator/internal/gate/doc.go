// Package gate is what AWS IoT Core adds to an MQTT broker, as a state machine without I/O: who may connect, publish and
// subscribe, which quotas apply, what happens to reserved topics, and the events that the service publishes.
//
// Its [Gate.Hooks] run inside the broker's calls. After every call the driver gives the broker's events to
// [Gate.Observe] and does what [Gate.TakeActions] asks for; [Gate.Wake] and [Gate.NextWake] are like the broker's.
package gate
