// Jobs installs updates over the air: it takes jobs whose document names a file and its digest, downloads it with a
// progress bar, checks it and puts it into place. Stop it in the middle: it goes on where it was.
//
//	go run ./samples/jobs -endpoint a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com -cert device.pem -key device.key -thing lamp-7
//	aws iot create-job --job-id update-2 --targets arn:aws:iot:eu-west-1:123456789012:thing/lamp-7 \
//		--document '{"url":"https://example.com/firmware.bin","sha256":"<64 hexadecimal digits>"}'
//
// It runs until Ctrl-C. The policy has to allow iot:Connect, and iot:Publish, iot:Subscribe and iot:Receive for
// $aws/things/{thing}/jobs/*.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/jobs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "jobs:", awsiot.Explain(err))
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("jobs", flag.ExitOnError)
	name := f.String("endpoint", os.Getenv("AWS_IOT_ENDPOINT"), "`name` of the account's endpoint for MQTT, with or without a port")
	ca := f.String("ca", "", "PEM `file` of an authority to trust besides those of the system")
	cert := f.String("cert", "device.pem", "PEM `file` of the device certificate")
	key := f.String("key", "device.key", "PEM `file` of its private key")
	thing := f.String("thing", "device", "`name` of the thing, and the client identifier")
	dir := f.String("dir", "updates", "`directory` for what is downloaded")
	_ = f.Parse(args)

	endpoint, err := awsiot.MTLS(*name, awsiot.Files(*cert, *key), func(o *awsiot.Options) {
		if *ca != "" {
			o.RootCAs = []direct.PEM{direct.File(*ca)}
		}
	})
	if err != nil {
		return err
	}
	client, err := mqtt.New(awsiot.Defaults(mqtt.Config{Endpoint: endpoint, ClientID: *thing}))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Start(); err != nil {
		return err
	}
	device, err := jobs.New(reqres.New(client), *thing)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	agent := jobs.NewAgent(device, func(ctx context.Context, job *jobs.Job) error {
		var update struct{ URL, SHA256 string }
		if err := job.Decode(&update); err != nil || update.URL == "" || len(update.SHA256) != 64 {
			return jobs.Reject("the document has no url and sha256")
		}
		fmt.Fprintf(out, "%s: downloading %s\n", job.JobID, update.URL)
		last := time.Now()
		err := download(ctx, update.URL, update.SHA256, filepath.Join(*dir, job.JobID), func(percent int64) {
			if percent < 100 && time.Since(last) < time.Second {
				return
			}
			last = time.Now()
			fmt.Fprintf(out, "\r[%-50s] %d %%", strings.Repeat("#", int(percent/2)), percent)
			// The service keeps the last report; one that is lost does no harm.
			_ = job.Progress(ctx, map[string]string{"percent": fmt.Sprint(percent)})
		})
		if cause := context.Cause(ctx); cause != nil {
			err = cause // canceled, or the program ends: then the job goes on with the next start
		}
		fmt.Fprintf(out, "\n%s: %v\n", job.JobID, map[bool]any{true: "installed", false: err}[err == nil])
		return err
	}, func(o *jobs.AgentOptions) {
		o.StepTimeout = 30 * time.Minute                                      // without progress the service gives up
		o.Report = func(err error) { fmt.Fprintln(out, awsiot.Explain(err)) } // it is tried again
	})
	return agent.Run(ctx)
}
