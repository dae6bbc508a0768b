package azureiot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// The token's file is replaced as Kubernetes does, by a link: the client re-authenticates with the new one, also where
// the broker puts that off, the file is empty for a moment, or missing.
func TestTokenFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	replace := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	replace("one\n")
	synctest.Test(t, func(t *testing.T) {
		p := mqtttest.NewPeer(t)
		p.Patience = 1000 * time.Hour
		e, err := Operations("aio-broker", file)
		if err != nil {
			t.Fatal(err)
		}
		e.Dial = p.Dial
		c, err := mqtt.New(mqtt.Config{Endpoint: e, ClientID: "c"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			c.Close()
			<-c.Done()
		}()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		conn, connect := p.Connect(&packet.Connack{AuthMethod: "K8S-SAT"})
		if connect.AuthMethod != "K8S-SAT" || string(connect.AuthData) != "one" {
			t.Errorf("CONNECT has %q %q", connect.AuthMethod, connect.AuthData)
		}
		connected(t, c)
		want := func(data string, answer packet.ReasonCode) {
			t.Helper()
			for {
				switch in := conn.Next().(type) {
				case *packet.Pingreq:
					conn.Send(new(packet.Pingresp))
					continue
				case *packet.Auth:
					if string(in.Data) != data || in.Code != packet.ReAuthenticate {
						t.Errorf("got %q", in.Data)
					}
					conn.Send(&packet.Auth{Code: answer, Method: in.Method})
				default:
					t.Errorf("got %v", in.Type())
				}
				return
			}
		}
		conn.ExpectSilence(50 * time.Second) // an unchanged token is not sent again
		replace("")
		conn.ExpectSilence(9 * time.Second)
		replace("two")
		begin := time.Now()
		want("two", packet.ContinueAuthentication)
		want("two", packet.ContinueAuthentication)
		want("two", packet.Success)
		if d := time.Since(begin); d > 3*time.Minute {
			t.Errorf("it took %v", d)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		go func() {
			time.Sleep(45 * time.Second)
			replace("three")
		}()
		want("three", packet.Success)
	})
}

func TestOperationsFromEnv(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("hunter2\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	from := func(vars map[string]string) (mqtt.Config, error) {
		return operationsFrom(&environment{get: func(name string) string { return vars[name] }}, nil)
	}
	cfg, err := from(map[string]string{"AIO_BROKER_HOSTNAME": "aio-broker", "AIO_MQTT_CLIENT_ID": "c", "AIO_BROKER_TCP_PORT": "18883",
		"AIO_SAT_FILE": "/var/run/secrets/tokens/broker-sat"})
	if err != nil || cfg.Endpoint.Name != "mqtts://aio-broker:18883" || cfg.Endpoint.Auth == nil || cfg.SessionExpiry != time.Hour ||
		cfg.KeepAlive != time.Minute || cfg.ClientID != "c" || cfg.CleanStart {
		t.Errorf("%v, %v", cfg.Endpoint.Name, err)
	}
	cfg, err = from(map[string]string{"AIO_BROKER_HOSTNAME": "localhost", "AIO_MQTT_CLIENT_ID": "c", "AIO_MQTT_USE_TLS": "false",
		"AIO_MQTT_USERNAME": "u", "AIO_MQTT_PASSWORD_FILE": password, "AIO_MQTT_KEEP_ALIVE": "0", "AIO_MQTT_CLEAN_START": "true"})
	if err != nil || cfg.Endpoint.Name != "mqtt://localhost:8883" || cfg.Endpoint.Auth != nil || cfg.KeepAlive >= 0 || !cfg.CleanStart || cfg.Username != "u" {
		t.Fatalf("%v, %v", cfg.Endpoint.Name, err)
	}
	var c packet.Connect
	if err := cfg.Endpoint.Prepare(t.Context(), &c); err != nil || string(c.Password) != "hunter2" {
		t.Errorf("%q, %v", c.Password, err)
	}
	for _, host := range []string{"fd00::7", "[fd00::7]"} {
		cfg, err = from(map[string]string{"AIO_BROKER_HOSTNAME": host, "AIO_MQTT_CLIENT_ID": "c"})
		if err != nil || cfg.Endpoint.Name != "mqtts://[fd00::7]:8883" {
			t.Errorf("%s: %v, %v", host, cfg.Endpoint.Name, err)
		}
	}
	refused := &mqtt.ReasonError{Packet: packet.CONNACK, Code: packet.NotAuthorized}
	if err := cfg.Endpoint.Explain(refused); !errors.Is(err, refused) || !strings.Contains(err.Error(), "aio-internal") {
		t.Errorf("it explains %v", err)
	}
	_, err = from(map[string]string{"AIO_MQTT_KEEP_ALIVE": "x", "AIO_MQTT_USE_TLS": "maybe", "AIO_SAT_FILE": "a", "AIO_MQTT_USERNAME": "b", "AIO_TLS_CERT_FILE": "c"})
	for _, want := range []string{"AIO_BROKER_HOSTNAME", "AIO_MQTT_KEEP_ALIVE", "AIO_MQTT_USE_TLS", "AIO_SAT_FILE", "AIO_TLS_KEY_FILE"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v says nothing of %s", err, want)
		}
	}
}
