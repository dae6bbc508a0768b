package interop
import ("testing";"fmt";"github.com/gneiss-mqtt/gneiss-go/core/packet";"github.com/gneiss-mqtt/gneiss-go/interop/internal/broker";"github.com/gneiss-mqtt/gneiss-go/core/mqtt")
func show(name string, w *wire) {
	pr := func(l []packet.Packet) { for _, p := range l { switch p:=p.(type) { case *packet.Publish: fmt.Print(" P",p.QoS,"/",p.ID,":",string(p.Payload), map[bool]string{true:"d"}[p.Dup]); case *packet.Puback: fmt.Print(" A",p.ID);  case *packet.Connack: fmt.Print("\nCONNACK",p.SessionPresent, p.Code); case *packet.Pubrec: fmt.Print(" REC",p.ID);case *packet.Pubrel: fmt.Print(" REL",p.ID);case *packet.Pubcomp: fmt.Print(" COMP",p.ID);case *packet.Connect: fmt.Print("\nCONNECT"); default: fmt.Printf(" %T", p)}}; fmt.Println() }
	w.mu.Lock(); defer w.mu.Unlock()
	fmt.Print(name, " sent"); pr(w.sent)
	fmt.Print(name, " recv"); pr(w.received)
}
func TestDbg(t *testing.T){
	for range 10 {
	b := broker.Start(t, broker.Mosquitto, broker.Options{Durable:true})
	w := newWorld(t,b,false,packet.V5)
	from := w.start(t, "from", keepSession,watch)
	to := w.start(t, "to", keepSession, watch,w.withoutAliases)
	inbox := to.subscribe(t, 2, w.topic("x"))
	payloads := numbered("n", 0, 50)
	done := make(chan error, 100)
	for _, p := range payloads {
	must(t, from.PublishAsync(mqtt.Publish{Topic: w.topic("x"), QoS: packet.QoS2, Payload: []byte(p)}, func(_ mqtt.PublishResult, err error){ done <- err}))
	}
	b.Stop(t); b.Restart(t)
	awaitAll(t, done, 50)
	got := map[string]int{}
	bad := false
	for len(got) < 50 { x := string(inbox.next(t).Payload); got[x]++; if got[x] > 1 { fmt.Println("TWICE", x); bad = true } }
	if bad { show("from", from.wire); show("to", to.wire); return }
	}
}
