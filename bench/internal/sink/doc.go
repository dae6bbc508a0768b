// Package sink is a broker that does nothing but answer, as fast as a socket
// allows: the far end of every measurement in the benchmark.
//
// It reads into one large buffer per connection, parses packets in place,
// collects the acknowledgements of everything a read brought and sends them in
// one write. It allocates nothing per packet. It counts what it sees, so that a
// measurement can prove that each message really arrived, and it ends a
// connection that breaks the protocol.
//
// A subscription to [SourceFilter] makes it a source instead: it sends that
// many messages, encoded beforehand, within the client's receive maximum.
//
// [Start] runs the sink in a process of its own, so that its processor time is
// not charged to the client; [Listen] runs it in this one.
package sink
