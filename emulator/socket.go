package emulator

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// socket is an MQTT stream over the binary messages of a WebSocket, whatever their boundaries are.
type socket struct {
	*websocket.Conn
	message io.Reader // what is left of the current message; nil between messages

	mu       sync.Mutex
	deadline time.Time // for writing
}

// errText ends a connection whose client sends text [MQTT-6.0.0-1].
var errText = errors.New("emulator: a text message on a WebSocket")

// Read reads on in the stream of binary messages.
func (s *socket) Read(p []byte) (int, error) {
	for {
		if s.message == nil {
			kind, r, err := s.NextReader()
			if err != nil {
				return 0, closed(err)
			}
			if kind != websocket.BinaryMessage {
				s.goodbye(websocket.CloseUnsupportedData)
				return 0, errText
			}
			s.message = r
		}
		n, err := s.message.Read(p)
		if errors.Is(err, io.EOF) {
			s.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// closed returns a closing handshake as the end of the stream.
func closed(err error) error {
	if websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived) {
		return io.EOF
	}
	return err
}

// Write sends p as one message.
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	_ = s.Conn.SetWriteDeadline(s.deadline) // only notes it
	s.mu.Unlock()
	if err := s.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// SetWriteDeadline bounds the writes to come and, unlike that of gorilla's connection, the one that is under way.
func (s *socket) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	return s.NetConn().SetWriteDeadline(t)
}

// SetDeadline is for both directions.
func (s *socket) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// CloseWrite begins the closing handshake: the client's answer ends the stream.
func (s *socket) CloseWrite() error {
	s.goodbye(websocket.CloseNormalClosure)
	return nil
}

func (s *socket) goodbye(code int) {
	_ = s.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(lastWrite))
}

var _ net.Conn = (*socket)(nil)

// socketURL is where to open a WebSocket with the generic profile, without TLS where that is possible, or an empty string.
func (s *Server) socketURL() string {
	u := url.URL{Scheme: "ws", Host: s.WSAddr(), Path: cmp.Or(s.opts.WSPath, "/mqtt")}
	if u.Host == "" {
		u.Scheme, u.Host = "wss", s.WSSAddr()
	}
	if u.Host == "" {
		return ""
	}
	return u.String()
}

// dialSocket opens a WebSocket to the server itself.
func (s *Server) dialSocket(ctx context.Context) (net.Conn, error) {
	d := websocket.Dialer{Subprotocols: upgrader.Subprotocols}
	if s.ca != nil {
		var err error
		if d.TLSClientConfig, err = s.ClientTLS(""); err != nil {
			return nil, err
		}
	}
	ws, _, err := d.DialContext(ctx, s.socketURL(), nil) // the answer's body is that of the error
	if err != nil {
		return nil, err
	}
	return &socket{Conn: ws}, nil
}
