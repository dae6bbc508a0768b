// Command gneiss-sim looks for mistakes in the client engine: it lives many lives of clients, a broker and hostile
// links between them, each decided by a seed, and checks after every step that no promise is broken.
//
//	gneiss-sim -seeds 1000          a thousand lives, and a summary
//	gneiss-sim -seed 42             one life; where it fails, the last events
//	gneiss-sim -seed 42 -trace      one life, and its whole story
//	gneiss-sim -long 8h             as many lives as there is time for
//
// It exits with 1 where a promise was broken; the seed and the last events are printed then.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	debug.SetGCPercent(800) // worlds are small and short-lived
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
