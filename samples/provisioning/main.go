// Provisioning gives a device an identity of its own: it connects with a claim, gets a certificate and a thing by a
// template, and connects again as what it is then. A second run finds the identity and needs no claim.
//
//	go run ./samples/provisioning -endpoint a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com -cert claim.pem -key claim.key \
//		-template fleet -param SerialNumber=7 -dir identity
//
// The claim's policy has to allow iot:Connect, and iot:Publish, iot:Subscribe and iot:Receive for $aws/certificates/create*
// and $aws/provisioning-templates/{template}/provision/*. Stop it at any moment: the next run goes on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/provisioning"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "provisioning:", awsiot.Explain(err))
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("provisioning", flag.ExitOnError)
	name := f.String("endpoint", os.Getenv("AWS_IOT_ENDPOINT"), "`name` of the account's endpoint for MQTT, with or without a port")
	ca := f.String("ca", "", "PEM `file` of an authority to trust besides those of the system")
	cert := f.String("cert", "claim.pem", "PEM `file` of the claim's certificate")
	key := f.String("key", "claim.key", "PEM `file` of its private key")
	o := provisioning.Options{Parameters: make(map[string]string)}
	f.StringVar(&o.Template, "template", "fleet", "`name` of the provisioning template")
	f.StringVar(&o.Dir, "dir", "identity", "`directory` for the identity")
	f.BoolVar(&o.OwnKey, "own-key", false, "make the key here, so that it crosses no network")
	f.Func("param", "a parameter of the template as `name=value`; may be given several times", func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if o.Parameters[name] = value; !ok {
			return errors.New("want name=value")
		}
		return nil
	})
	_ = f.Parse(args)

	connect := func(id string, who awsiot.Identity) (*mqtt.Client, error) {
		endpoint, err := awsiot.MTLS(*name, who, func(o *awsiot.Options) {
			if *ca != "" {
				o.RootCAs = []direct.PEM{direct.File(*ca)}
			}
		})
		if err != nil {
			return nil, err
		}
		client, err := mqtt.New(awsiot.Defaults(mqtt.Config{Endpoint: endpoint, ClientID: id}))
		if err != nil {
			return nil, err
		}
		if err := client.Start(); err != nil {
			return nil, err
		}
		if _, err := client.Connected(ctx); err != nil {
			return nil, errors.Join(err, client.Close())
		}
		return client, nil
	}

	identity, err := provisioning.Load(o.Dir, nil)
	if errors.Is(err, fs.ErrNotExist) {
		claim, err := connect("", awsiot.Files(*cert, *key)) // under a name that nobody else has
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "connected with the claim")
		identity, err = provisioning.Provision(ctx, reqres.New(claim), o)
		if err = errors.Join(err, claim.Shutdown(ctx)); err != nil {
			return err
		}
		fmt.Fprintf(out, "the certificate is in %s\n", identity.CertFile)
	} else if err != nil {
		return err
	}
	client, err := connect(identity.ThingName, awsiot.KeyPair(identity.TLS()))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "connected as %s, configured with %v\n", identity.ThingName, identity.Configuration)
	return client.Shutdown(ctx)
}
