package emulator

import (
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/gate"
)

// upgrader makes WebSockets for MQTT. Browsers are welcome from everywhere: the request itself says who the client is.
var upgrader = websocket.Upgrader{
	HandshakeTimeout: headerTime,
	Subprotocols:     []string{"mqtt"},
	CheckOrigin:      func(*http.Request) bool { return true },
}

// upgrade lets a WebSocket in. A request that is signed is judged now, any other at its CONNECT, by a custom authorizer.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) {
	door := &gate.Door{Headers: headers(r.Header), Query: r.URL.RawQuery}
	if r.TLS != nil {
		door.ServerName = r.TLS.ServerName
	}
	if !offers(r, "mqtt") {
		http.Error(w, "the subprotocol mqtt is required", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	status, drop := s.cloud.gate.Upgrade()
	s.mu.Unlock()
	switch {
	case drop:
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case status != 0:
		answerError(w, status, "ForbiddenException", http.StatusText(status))
		return
	}
	if signed(r) {
		who, err := s.signer(r)
		if err != nil {
			forbid(w, err)
			return
		}
		door.Principal = who
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has been answered
	}
	info := broker.ConnInfo{Listener: "websocket", Remote: r.RemoteAddr, ServerName: door.ServerName, Context: door}
	_ = s.serveCounted(&socket{Conn: ws}, info)
}

// offers reports whether a client offers a subprotocol.
func offers(r *http.Request, name string) bool {
	for _, p := range websocket.Subprotocols(r) {
		if p == name {
			return true
		}
	}
	return false
}

// headers returns the first value of each header of a request, by its name in small letters.
func headers(h http.Header) map[string]string {
	m := make(map[string]string, len(h))
	for name, values := range h {
		if len(values) > 0 {
			m[strings.ToLower(name)] = values[0]
		}
	}
	return m
}
