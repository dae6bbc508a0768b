package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// makeDir makes a directory for what AWS IoT Core hands out, where none is named.
func (set *settings) makeDir() error {
	if set.generic || set.dir != "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "gneiss-emulator-")
	set.dir = dir
	return err
}

// aws returns the options of AWS IoT Core.
func (set *settings) aws(o emulator.Options) emulator.Options {
	o.Profile, o.MQTTSAddr, o.RequireClientCert = emulator.AWS, set.mqttsAddr, false
	o.IoT.EnforcePolicies = set.strict
	if set.unlimited {
		o.IoT.Quotas = iotcore.NoQuotas()
	}
	return o
}

// announceAWS writes what devices need to the directory and prints how to use it. Secrets go to files alone.
func announceAWS(srv *emulator.Server, set settings, w io.Writer) error {
	device, err := srv.Device(set.clientName)
	if err != nil {
		return err
	}
	files, err := device.Write(set.dir)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "AWS IoT Core is listening:")
	if addr := srv.Addr(); addr != "" {
		fmt.Fprintf(w, "\n  %s  MQTT without TLS, for everyone\n", addr)
	}
	if addr := srv.Endpoint8883(); addr != "" {
		fmt.Fprintf(w, "\n  %s  mutual TLS, as port 8883\n    go run ./samples/aws-mtls -endpoint %s -ca %s -cert %s -key %s\n",
			addr, addr, files.CA, files.Cert, files.Key)
	}
	if addr := srv.Endpoint(); addr != "" {
		env, err := writeKeys(srv, set.dir)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\n  %s  mutual TLS, custom authorizers, HTTPS and WebSockets, as port 443\n", addr)
		fmt.Fprintf(w, "    go run ./samples/aws-mtls -endpoint %s -ca %s -cert %s -key %s\n", addr, files.CA, files.Cert, files.Key)
		fmt.Fprintf(w, "    (. %s && go run ./samples/aws-websocket -endpoint %s -ca %s)\n", env, addr, files.CA)
	}
	fmt.Fprintln(w, "\nInterrupt to stop.")
	return nil
}

// writeKeys writes an access key, as the variables that the AWS SDKs read.
func writeKeys(srv *emulator.Server, dir string) (string, error) {
	c, err := srv.Credentials(emulator.CredentialOptions{})
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("export AWS_ACCESS_KEY_ID='%s'\nexport AWS_SECRET_ACCESS_KEY='%s'\nunset AWS_SESSION_TOKEN\nexport AWS_REGION='us-east-1'\n",
		c.AccessKeyID, c.SecretAccessKey)
	name := filepath.Join(dir, "aws.env")
	return name, writeSecret(name, []byte(text))
}

// writeSecret replaces a file that only the owner may read.
func writeSecret(name string, data []byte) error {
	if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}
