// Command gneiss-emulator runs the emulator's MQTT broker by hand:
//
//	gneiss-emulator -generic -addr 127.0.0.1:1883
//
// It prints how to connect and runs until it is interrupted.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
