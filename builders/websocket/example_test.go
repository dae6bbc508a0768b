package mqttws_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
)

func ExampleURL() {
	endpoint, err := mqttws.URL("wss://broker.example.org")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Name) // for Config.Endpoint of mqtt.New
	// Output: wss://broker.example.org/mqtt
}

// A token that is fetched for every attempt, through a proxy.
func ExampleOptions_prepare() {
	fetchToken := func(context.Context) (string, error) { return "fresh", nil }
	endpoint, err := mqttws.URL("wss://broker.example.org/socket", func(o *mqttws.Options) {
		o.Header = http.Header{"Origin": {"https://example.org"}}
		o.Prepare = func(ctx context.Context, r *mqttws.Request) error {
			token, err := fetchToken(ctx)
			r.Header.Set("Authorization", "Bearer "+token)
			return err
		}
		o.Direct = func(d *direct.Options) {
			d.Proxy = direct.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.example.org:3128"})
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Name)
	// Output: wss://broker.example.org/socket
}
