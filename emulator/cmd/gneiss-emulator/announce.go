package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// announceAWS writes what devices need to the directory and prints how to use it. Secrets go to files alone.
func announceAWS(srv *emulator.Server, set settings, w io.Writer) error {
	device, err := equip(srv, set)
	if err != nil {
		return err
	}
	files, err := device.Write(set.dir)
	if err != nil {
		return err
	}
	trust := "-ca " + files.CA
	identity := fmt.Sprintf("%s -cert %s -key %s -id %s", trust, files.Cert, files.Key, device.Thing)
	fmt.Fprintln(w, "AWS IoT Core is listening:")
	if addr := srv.Addr(); addr != "" {
		fmt.Fprintf(w, "\n  %s  MQTT without TLS, for everyone\n    mosquitto_sub %s -t '#' -v\n", addr, hostPort(addr))
	}
	if addr := srv.Endpoint8883(); addr != "" {
		fmt.Fprintf(w, "\n  %s  MQTT with a device certificate, as port 8883\n", addr)
		fmt.Fprintf(w, "    go run ./samples/aws-mtls -endpoint %s %s\n", addr, identity)
		fmt.Fprintf(w, "    mosquitto_sub %s --cafile %s --cert %s --key %s -t '#' -v\n", hostPort(addr), files.CA, files.Cert, files.Key)
	}
	env, err := writeKeys(srv, set.dir)
	if err != nil {
		return err
	}
	if addr := srv.HTTPAddr(); addr != "" {
		fmt.Fprintf(w, "\n  %s  the HTTP API without TLS\n    (. %s && aws --endpoint-url http://%s iot list-things)\n", addr, env, addr)
	}
	if addr := srv.Endpoint(); addr != "" {
		token, err := set.authorizer.write(set.dir)
		if err != nil {
			return err
		}
		to := "-endpoint " + addr
		fmt.Fprintf(w, "\n  %s  everything else, as port 443\n", addr)
		fmt.Fprintf(w, "    device certificate:\n      go run ./samples/aws-mtls %s %s\n", to, identity)
		fmt.Fprintf(w, "    access key, over a WebSocket:\n      (. %s && go run ./samples/aws-websocket %s %s)\n", env, to, trust)
		fmt.Fprintf(w, "    custom authorizer, directly or with -websocket:\n      (. %s && go run ./samples/aws-customauth %s %s -authorizer %s -token-key %s -signature \"$AUTHORIZER_SIGNATURE\")\n",
			token, to, trust, authorizerName, tokenKey)
		fmt.Fprintf(w, "    access keys for a device certificate:\n      go run ./samples/aws-credentials-provider %s -provider %s -role-alias %s -region us-east-1 %s\n",
			to, addr, roleAlias, identity)
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
	return writeEnv(dir, "aws.env", [][2]string{
		{"AWS_ACCESS_KEY_ID", c.AccessKeyID}, {"AWS_SECRET_ACCESS_KEY", c.SecretAccessKey}, {"AWS_SESSION_TOKEN", ""}, {"AWS_REGION", "us-east-1"},
		{"AWS_DEFAULT_REGION", "us-east-1"},
	})
}

// writeEnv writes variables for a shell to a file that only the owner may read. The values hold no quotation marks.
func writeEnv(dir, name string, variables [][2]string) (string, error) {
	var text []byte
	for _, v := range variables {
		if v[1] == "" {
			text = fmt.Appendf(text, "unset %s\n", v[0])
			continue
		}
		text = fmt.Appendf(text, "export %s='%s'\n", v[0], v[1])
	}
	name = filepath.Join(dir, name)
	return name, writeSecret(name, text)
}
