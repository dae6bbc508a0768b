package awsiot_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

func ExampleMTLS() {
	endpoint, err := awsiot.MTLS("a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com", awsiot.Files("device.pem", "device.key"))
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := mqtt.New(awsiot.Defaults(mqtt.Config{Endpoint: endpoint, ClientID: "pump-7"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	fmt.Println(client.Start())
	// Output: direct: client key: open device.key: no such file or directory
}

// Port 8883, through a proxy, with an encrypted key.
func ExampleMTLS_options() {
	_, err := awsiot.MTLS("a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com", awsiot.Files("device.pem", "device.key"), func(o *awsiot.Options) {
		o.Port = awsiot.PortMQTTS
		o.Direct = func(d *direct.Options) {
			d.Proxy = direct.ProxyURL(&url.URL{Scheme: "socks5", Host: "proxy.example.org"})
			d.Passphrase = direct.Secret("correct horse")
		}
	})
	fmt.Println(err)
	// Output: direct: client key: open device.key: no such file or directory
}

func ExamplePKCS12() {
	endpoint, err := awsiot.MTLS("a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com", awsiot.PKCS12("testdata/pkcs12/openssl3-rsa.p12", "correct horse"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Name)
	// Output: mqtts://a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com:443
}

func ExampleWebSocket() {
	cfg := aws.Config{Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil // wherever they come from
	})}
	endpoint, err := awsiot.WebSocket(cfg, "a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Name)
	// Output: wss://a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com/mqtt
}

// A token that is signed by whoever gives it out, and renewed when it has expired.
func ExampleCustomAuth() {
	endpoint, err := awsiot.CustomAuth("a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com", awsiot.Authorizer{
		Name:         "FleetAuthorizer",
		Username:     "pump-7",
		TokenKeyName: "token",
		Refresh: func(ctx context.Context, a *awsiot.Authorizer) error {
			a.TokenValue, a.TokenSignature = "a token", "c2lnbmF0dXJl" // from the account's own service
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	connect := new(packet.Connect)
	_ = endpoint.Prepare(context.Background(), connect)
	fmt.Println(connect.Username)
	// Output: pump-7?x-amz-customauthorizer-name=FleetAuthorizer&token=a%20token&x-amz-customauthorizer-signature=c2lnbmF0dXJl
}

// A user name and a password, for an authorizer that has signing disabled.
func ExampleCustomAuthWebSocket() {
	endpoint, err := awsiot.CustomAuthWebSocket("a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com", awsiot.Authorizer{
		Username: "pump-7",
		Password: []byte("secret"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Name)
	// Output: wss://a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com/mqtt
}

// A device with a certificate that also needs AWS credentials, for MQTT over WebSocket or for Amazon S3.
func ExampleX509Credentials() {
	id := awsiot.PKCS12("testdata/pkcs12/openssl3-rsa.p12", "correct horse")
	provider, err := awsiot.X509Credentials("a1b2c3d4e5f6g7.credentials.iot.eu-west-1.amazonaws.com", "device-role", id)
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := aws.Config{Region: "eu-west-1", Credentials: provider}
	endpoint, err := awsiot.WebSocket(cfg, "a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Name)
	// Output: wss://a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com/mqtt
}

func ExampleDefaults() {
	cfg := awsiot.Defaults(mqtt.Config{ClientID: "pump-7", Version: packet.V311})
	fmt.Println(cfg.KeepAlive, cfg.SlowStart, cfg.MaxInterrupted)
	// Output: 1m0s true 2
}

func ExampleExplain() {
	err := error(&mqtt.OpError{Op: "publish", Topic: "plant/1", Sent: true, Err: &mqtt.ReasonError{Packet: packet.PUBACK, Code: packet.NotAuthorized}})
	if r, ok := errors.AsType[*awsiot.Refusal](awsiot.Explain(err)); ok {
		fmt.Println(r.Cause)
		fmt.Println(r.Likely)
		fmt.Println(r.Statement)
	}
	// Output:
	// policy
	// no policy allows to publish to "plant/1"
	// {"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:REGION:ACCOUNT:topic/plant/1"}
}
