// Package packet is the wire format of MQTT 5 and MQTT 3.1.1: all fifteen control packets, one file each.
//
// Encoders append to a slice the caller owns and neither change nor keep their packet. Decoders work on one whole
// [Frame], bound every length before they allocate, and judge every clause of the specification that can be
// judged from the bytes alone: an [Error] names the clause and the reason code a DISCONNECT should carry.
//
// A byte stream is cut into frames by a [Framer], which accepts any split of the stream, refuses packets over the
// agreed maximum as soon as their length is known, and never allocates on the word of a peer.
//
// Strings in decoded packets are copies (user properties that follow each other share one); byte slices (payloads,
// correlation data, passwords, authentication data) alias the frame and are valid for as long as the frame's memory
// is.
//
// What a client is about to send is judged by the Validate methods, all rules that need no knowledge of the server.
// Encoders only refuse what has no wire form.
//
// Where MQTT 3.1.1 has no such field (properties, most reason codes) encoders leave it out and decoders leave it
// zero. The return codes of a 3.1.1 CONNACK appear as the reason codes of MQTT 5 that mean the same.
package packet
