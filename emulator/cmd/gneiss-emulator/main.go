// Command gneiss-emulator runs AWS IoT Core on this machine:
//
//	gneiss-emulator -dir ./iot
//
// It writes what devices need to a directory: an authority, a device certificate, access keys. With -generic it is a full
// MQTT broker without the rules of a cloud service:
//
//	gneiss-emulator -generic -addr 127.0.0.1:1883 -ws-addr 127.0.0.1:8080
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
