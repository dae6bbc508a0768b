package engine

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// modelWorld is an engine, a driver that is as slow and as unlucky as the random numbers say, and a broker.
type modelWorld struct {
	t    testing.TB
	rng  *rand.Rand
	cfg  Config
	e    *Engine
	now  Instant
	b    *modelBroker
	open bool // there is a transport
	// What is on its way.
	taken []modelBatch // by the driver, not yet written
	wire  []byte       // written, not yet read by the broker
	store map[uint64][]byte
	calm  bool // nothing goes wrong any more

	clean   bool // the next connection has to start clean
	unknown bool // because the broker has a session that this client does not know
	ops     map[*Op]*modelOp
	number  int
	numbers map[uint64]int   // of a submission
	past    map[int]*modelOp // those that are over
	tokens  []modelToken
	held    map[int]bool // messages at QoS 2 that the application has for good
	heldAs  map[int]uint16

	watch  *modelWatch
	faults int
}

// modelBatch is what a driver takes at once: the records have to be stored before the bytes are written.
type modelBatch struct {
	records []Record
	bytes   []byte
	ops     []*modelOp // whose PUBLISH is among the bytes
}

type modelOp struct {
	number   int
	restored bool // by a process that came after the one that submitted it
	qos      packet.QoS
	kind     OpKind
	timedOut bool
	sent     bool // its PUBLISH was taken in the present session
	taken    bool // in any session
	left     bool // and a byte of the batch in which it was taken was written
}

type modelToken struct {
	token  AckToken
	number int
	qos    packet.QoS
}

func topicOf(number int) string { return "t" + strconv.Itoa(number%7) }

func newModelWorld(t testing.TB, seed uint64) *modelWorld {
	rng := rand.New(rand.NewPCG(seed, 1))
	cfg := Config{
		Offline:        OfflinePolicy(rng.IntN(4)),
		QueueCount:     5 + rng.IntN(40),
		AckTimeout:     Duration(1+rng.IntN(20)) * Second,
		OutLimit:       30 + rng.IntN(200),
		Aliases:        AliasMode(2 * rng.IntN(2)),
		ManualAcks:     rng.IntN(2) == 0,
		SlowStart:      rng.IntN(3) == 0,
		MaxInterrupted: uint8(rng.IntN(2) * 3),
		FiltersPerOp:   1 + rng.IntN(3),
		Version:        packet.V5,
		Durable:        rng.IntN(2) == 0,
		PublishRate:    rng.IntN(2) * (1 + rng.IntN(50)),
		PublishBytes:   rng.IntN(2) * (20 + rng.IntN(2000)),
	}
	if rng.IntN(3) == 0 {
		cfg.Version = packet.V311
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &modelBroker{t: t, rng: rng, v: cfg.Version, accepted: map[int]int{}, acked: map[int]bool{}}
	w := &modelWorld{t: t, rng: rng, cfg: e.cfg, e: e, b: b, ops: map[*Op]*modelOp{}, held: map[int]bool{},
		store: map[uint64][]byte{}, heldAs: map[int]uint16{}, numbers: map[uint64]int{}, past: map[int]*modelOp{}}
	w.watch = newModelWatch(w)
	return w
}

func (w *modelWorld) one(n int) bool { return w.rng.IntN(n) == 0 }

// step does something, in any state.
func (w *modelWorld) step() {
	switch w.rng.IntN(14) {
	case 0, 1:
		w.submit()
	case 2:
		w.take()
	case 3:
		w.write(1 + w.rng.IntN(40))
	case 4, 5:
		w.brokerReads(1 + w.rng.IntN(60))
	case 6, 7:
		w.clientReads(1 + w.rng.IntN(60))
	case 8:
		w.b.flush()
	case 9:
		w.b.say(packet.QoS(w.rng.IntN(3)))
	case 10, 11:
		w.ack()
	case 12:
		w.time()
	case 13:
		w.trouble()
	}
	w.settle()
}

func (w *modelWorld) submit() {
	w.number++
	m := &modelOp{number: w.number, kind: OpKind(max(0, w.rng.IntN(8)-5))}
	o := &Op{Kind: m.kind}
	switch m.kind {
	case OpSubscribe:
		for range 1 + w.rng.IntN(3) {
			f := packet.Filter{Filter: "f/" + strconv.Itoa(w.rng.IntN(6)), QoS: packet.QoS(w.rng.IntN(3))}
			o.Subscribe.Filters = append(o.Subscribe.Filters, f)
		}
	case OpUnsubscribe:
		o.Unsubscribe.Filters = []string{"f/" + strconv.Itoa(w.rng.IntN(6))}
	default:
		m.qos = packet.QoS(w.rng.IntN(3))
		o.Publish = packet.Publish{QoS: m.qos, Topic: topicOf(m.number), Payload: []byte(strconv.Itoa(m.number))}
		if w.one(10) {
			o.Publish.MessageExpiry = packet.Some(uint32(1 + w.rng.IntN(20)))
		}
	}
	if err := w.e.Submit(w.now, o); err == nil {
		w.ops[o], w.numbers[o.seq] = m, m.number
	}
}

func (w *modelWorld) take() {
	batch := modelBatch{records: w.e.TakeRecords(nil)}
	for i := range batch.records { // what the engine hands out is valid until the next call
		if v := batch.records[i].Value; v != nil {
			batch.records[i].Value = append([]byte{}, v...)
		}
	}
	if w.open {
		batch.bytes = w.e.TakeOut(w.now, nil)
		batch.ops = w.watch.sent(batch.bytes)
	}
	if len(batch.records)+len(batch.bytes) > 0 {
		w.taken = append(w.taken, batch)
	}
}

// write stores what has to be stored first, and then writes so many bytes.
func (w *modelWorld) write(n int) {
	for len(w.taken) > 0 && n > 0 {
		b := &w.taken[0]
		w.save(b, len(b.records))
		k := min(n, len(b.bytes))
		for _, m := range b.ops {
			m.left = m.left || k > 0
		}
		w.wire = append(w.wire, b.bytes[:k]...)
		b.bytes = b.bytes[k:]
		n -= max(k, 1)
		w.e.Wrote(w.now, k)
		if len(b.bytes) == 0 {
			w.taken = w.taken[1:]
		}
	}
}

// save stores the first n records of a batch.
func (w *modelWorld) save(b *modelBatch, n int) {
	for _, r := range b.records[:n] {
		if r.Value == nil {
			delete(w.store, r.Key)
		} else {
			w.store[r.Key] = r.Value
		}
	}
	b.records = b.records[n:]
}

func (w *modelWorld) brokerReads(n int) {
	n = min(n, len(w.wire))
	p := w.wire[:n]
	w.wire = w.wire[n:]
	if w.open && n > 0 && !w.b.receive(p) {
		for len(w.b.out) > 0 && w.open && w.e.Err() == nil { // a refusal, then the end
			w.clientReads(len(w.b.out))
		}
		w.cut()
	}
}

func (w *modelWorld) clientReads(n int) {
	n = min(n, len(w.b.out))
	if !w.open || n == 0 {
		return
	}
	p := append([]byte(nil), w.b.out[:n]...)
	w.b.out = w.b.out[n:]
	for rest := p; ; {
		var m *Inbound
		if rest, m = w.e.Receive(w.now, rest); m == nil {
			break
		}
		w.message(m)
	}
	w.watch.received(p)
}

// message is the application: at QoS 2 it must not see one again that it has taken.
func (w *modelWorld) message(m *Inbound) {
	number, _ := strconv.Atoi(string(m.Payload))
	if m.QoS == packet.QoS2 {
		if w.held[number] {
			w.t.Fatalf("message %d at QoS 2 was handed up again", number)
		}
		w.held[number], w.heldAs[number] = !w.cfg.ManualAcks, m.ID
	}
	if !m.Token.IsZero() {
		w.tokens = append(w.tokens, modelToken{m.Token, number, m.QoS})
	}
}

func (w *modelWorld) ack() {
	if len(w.tokens) == 0 {
		return
	}
	i := w.rng.IntN(len(w.tokens))
	tok := w.tokens[i]
	w.tokens = append(w.tokens[:i], w.tokens[i+1:]...)
	code := packet.Success
	if w.one(10) {
		code = packet.QuotaExceeded
	}
	err := w.e.Ack(w.now, tok.token, code, "")
	void := tok.token.epoch != w.e.epoch || w.e.state != stateConnected
	lent := tok.qos == packet.QoS2 && !w.cfg.ManualAcks // the application may be done with it after its connection
	if void != (err == ErrAckVoid) && !(void && lent && err == nil) || err != nil && !void {
		w.t.Fatalf("ack of message %d: %v, void %v", tok.number, err, void)
	}
	if err == nil && tok.qos == packet.QoS2 {
		w.held[tok.number] = code == packet.Success || w.cfg.Version == packet.V311
	}
}

// time moves the clock, mostly to when the engine wants to be woken.
func (w *modelWorld) time() {
	wake := w.e.Wake()
	switch {
	case w.one(4):
		w.now = w.now.add(Duration(w.rng.IntN(3000)) * Second / 1000)
	case wake != Never:
		w.now = max(w.now, wake)
	default:
		return
	}
	w.e.Tick(w.now)
	if again := w.e.Wake(); again <= w.now && !w.e.HasOutput() && !w.e.Pending() && w.e.Err() == nil {
		w.t.Fatalf("a busy loop: Wake stays at %d after Tick(%d)", again, w.now)
	}
}
