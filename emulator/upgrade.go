package emulator

import (
	"net/http"
	"slices"
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
	if !offersMQTT(w, r) {
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

// upgradeAnyone lets a WebSocket in with the generic profile: who the client is, is asked at its CONNECT.
func (s *Server) upgradeAnyone(w http.ResponseWriter, r *http.Request) {
	if s.opts.WSPath != "" && r.URL.Path != s.opts.WSPath {
		http.NotFound(w, r)
		return
	}
	if websocket.IsWebSocketUpgrade(r) && !offersMQTT(w, r) {
		return
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has been answered
	}
	_ = s.serveCounted(&socket{Conn: ws}, visitorOf(r).info)
}

// offersMQTT reports whether a client offers the subprotocol that it has to [MQTT-6.0.0-3]; where not, it is told.
func offersMQTT(w http.ResponseWriter, r *http.Request) bool {
	if slices.Contains(websocket.Subprotocols(r), "mqtt") {
		return true
	}
	http.Error(w, "the subprotocol mqtt is required", http.StatusBadRequest)
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
