// Package sim is a world in which everything goes wrong: engines of core/engine with applications on top, the emulator's
// broker, and links between them that split, delay, stall and break. It has one thread, a virtual clock and one source of
// randomness, so a seed is a life that can be lived again, event by event.
//
// # What happens
//
// [Run] lives the life of a seed, [Fleet] those of many at the same time. The seed decides the plan: how many clients,
// of which version and configuration, what the broker allows, which faults and operations there are and how often. Storms,
// in which it happens, take turns with calm, in which nothing more goes wrong and everything has to come to an end.
//
// # What is checked
//
// The engine and the broker are judged from outside, by their bytes and results:
//
//   - a watch at each client reads every packet that it sends and receives, and knows what the specification allows:
//     identifiers, DUP, order, quota, aliases, acknowledgements, expiry, keep alive;
//   - a ledger knows each message from its publish to the last application that it is owed to, what the broker has said
//     it dropped, and what a crash may have lost or may repeat;
//   - results of operations are compared with what has happened: once each, and true;
//   - at rest nothing may be left over, and nobody may be stuck.
//
// The first promise that is broken ends the life: see [Violation]. emulator/SIMULATION.md says more.
package sim
