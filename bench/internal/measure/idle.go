package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/contender"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/usage"
)

// IdleArg is the first argument of a process that is to measure idle
// connections. The main function of whoever calls [StartIdle] looks for it and
// hands over to [IdleChild].
const IdleArg = "-internal-idle"

// Footprint is what one idle connection costs.
type Footprint struct {
	Resident   float64 // bytes in RAM; zero where the platform does not say
	Heap       float64 // bytes of live heap
	Stack      float64 // bytes of stack
	Goroutines float64
}

// Idle is the footprint of a connection that has just been made, and of one
// that has published at QoS 1 and has been quiet since.
type Idle struct {
	Fresh, Used Footprint
}

// IdleSettle is how long connections are left alone before they are measured,
// so that a client that tidies up behind itself has done so.
const IdleSettle = 3 * time.Second

// StartIdle measures conns idle connections of a library in a process of their
// own, so that the memory is theirs.
func StartIdle(lib *contender.Library, addr string, conns int, settle time.Duration) (Idle, error) {
	path, err := os.Executable()
	if err != nil {
		return Idle{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, IdleArg, lib.Name, addr, strconv.Itoa(conns), settle.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return Idle{}, fmt.Errorf("idle connections: %w", err)
	}
	var idle Idle
	if err := json.Unmarshal(out, &idle); err != nil {
		return Idle{}, fmt.Errorf("idle connections: %w", err)
	}
	return idle, nil
}

// IdleChild is the other end of StartIdle. args follow IdleArg.
func IdleChild(args []string, out io.Writer) error {
	if len(args) != 4 {
		return errors.New("idle connections: want library, address, number and time to settle")
	}
	libs := contender.Libraries()
	i := slices.IndexFunc(libs, func(l contender.Library) bool { return l.Name == args[0] })
	conns, err1 := strconv.Atoi(args[2])
	settle, err2 := time.ParseDuration(args[3])
	if i < 0 || err1 != nil || err2 != nil || conns < 1 {
		return fmt.Errorf("idle connections: bad arguments %q", args)
	}
	idle, err := measureIdle(&libs[i], args[1], conns, settle)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(idle)
}

func measureIdle(lib *contender.Library, addr string, conns int, settle time.Duration) (Idle, error) {
	clients := make([]contender.Client, 0, conns)
	defer func() {
		for _, c := range clients {
			_ = c.Close()
		}
	}()
	// One connection first, for what a program pays once.
	if err := openIdle(lib, addr, &clients); err != nil {
		return Idle{}, err
	}
	base := footprint()
	for range conns {
		if err := openIdle(lib, addr, &clients); err != nil {
			return Idle{}, err
		}
	}
	var idle Idle
	time.Sleep(settle)
	idle.Fresh = footprint().per(base, conns)
	for _, c := range clients {
		if err := c.Publish(contender.Message{Topic: "bench/topic", Payload: make([]byte, DefaultPayload), QoS: 1}); err != nil {
			return Idle{}, err
		}
	}
	time.Sleep(settle)
	idle.Used = footprint().per(base, conns)
	return idle, nil
}

func openIdle(lib *contender.Library, addr string, clients *[]contender.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := lib.New()
	*clients = append(*clients, c)
	return c.Connect(ctx, addr, fmt.Sprintf("idle-%d", len(*clients)))
}

// footprint is what the process holds after everything else was given back.
func footprint() Footprint {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Footprint{
		Resident:   float64(usage.Resident()),
		Heap:       float64(m.HeapAlloc),
		Stack:      float64(m.StackInuse),
		Goroutines: float64(runtime.NumGoroutine()),
	}
}

func (f Footprint) per(base Footprint, conns int) Footprint {
	n := float64(conns)
	return Footprint{
		Resident:   (f.Resident - base.Resident) / n,
		Heap:       (f.Heap - base.Heap) / n,
		Stack:      (f.Stack - base.Stack) / n,
		Goroutines: (f.Goroutines - base.Goroutines) / n,
	}
}
