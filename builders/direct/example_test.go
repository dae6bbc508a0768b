package direct_test

import (
	"fmt"
	"net/url"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

func ExampleURL() {
	endpoint, err := direct.URL("mqtt://device-7:secret@broker.example.org")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Name) // for Config.Endpoint of mqtt.New
	// Output: mqtt://broker.example.org:1883
}

func ExampleTCP() {
	endpoint, err := direct.TCP("[::1]")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Name)
	// Output: mqtt://[::1]:1883
}

// Mutual TLS from files that may be replaced while the program runs, with an encrypted key.
func ExampleTLS() {
	_, err := direct.TLS("broker.example.org", func(o *direct.Options) {
		o.RootCAs = []direct.PEM{direct.File("ca.pem")}
		o.CertificatePEM = direct.File("device.pem")
		o.KeyPEM = direct.File("device.key")
		o.Passphrase = direct.Secret("correct horse")
	})
	fmt.Println(err)
	// Output: direct: root CAs: open ca.pem: no such file or directory
}

func ExampleUnix() {
	endpoint, err := direct.Unix("/run/mosquitto.sock")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Name)
	// Output: unix:///run/mosquitto.sock
}

func ExampleProxyURL() {
	proxy := &url.URL{Scheme: "socks5", Host: "proxy.example.org", User: url.UserPassword("device-7", "secret")}
	endpoint, err := direct.TLS("broker.example.org:443", func(o *direct.Options) {
		o.Proxy = direct.ProxyURL(proxy)
		o.NextProtos = []string{"mqtt"}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Name)
	// Output: mqtts://broker.example.org:443
}
