package broker

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"text/template"
)

// The queues have no limits: what is lost in a test was lost by somebody's mistake. A durable broker has no rules on
// topics: Mosquitto 2.0.11 reads them for a client when it connects, and so queues nothing for sessions that it has
// restored and whose client is not back yet.
var mosquittoConfig = template.Must(template.New("").Parse(`
user root
log_dest stderr
set_tcp_nodelay true
allow_anonymous true
password_file {{.Dir}}/passwords
max_inflight_messages {{.ReceiveMaximum}}
max_queued_messages 0
{{if not .Durable}}
acl_file {{.Dir}}/rules
{{else}}
persistence true
persistence_location {{.Dir}}/
autosave_on_changes true
autosave_interval 1
{{end}}
listener {{.Port}} 127.0.0.1

listener {{.TLSPort}} 127.0.0.1
cafile {{.CA}}
certfile {{.Cert}}
keyfile {{.Key}}
require_certificate {{.ClientCertificates}}
`))

// configure writes the configuration, the passwords and the rules on topics.
func (m *mosquitto) configure(b *Broker) error {
	_, port, err := net.SplitHostPort(b.TCP)
	if err != nil {
		return err
	}
	_, tlsPort, err := net.SplitHostPort(b.TLS)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	err = mosquittoConfig.Execute(&text, struct {
		Dir, Port, TLSPort, CA, Cert, Key string
		Options
	}{m.dir, port, tlsPort, b.CA, pki().file("server.pem"), pki().file("server.key"), m.options})
	if err != nil {
		return err
	}
	passwords, err := mosquittoPassword(User, Password)
	if err != nil {
		return err
	}
	// The first rules are for clients without a user name.
	rules := "topic readwrite #\ntopic read $SYS/#\ntopic deny " + Denied + "/#\n"
	rules += "user " + User + "\n" + rules
	for name, content := range map[string]string{"mosquitto.conf": text.String(), "passwords": passwords, "rules": rules} {
		if err := os.WriteFile(m.file(name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// mosquittoPassword is a line of a password file, as mosquitto_passwd writes it: PBKDF2 with SHA-512.
func mosquittoPassword(user, password string) (string, error) {
	const iterations = 101
	var salt [12]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return "", err
	}
	hash, err := pbkdf2.Key(sha512.New, password, salt[:], iterations, sha512.Size)
	if err != nil {
		return "", err
	}
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s:$7$%d$%s$%s\n", user, iterations, text(salt[:]), text(hash)), nil
}
