package azure

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

const (
	twinGet     = "$iothub/twin/GET/"
	twinReport  = "$iothub/twin/PATCH/properties/reported/"
	twinDesired = "$iothub/twin/PATCH/properties/desired/"
	twinAnswers = "$iothub/twin/res/"
	twinLimit   = 32 << 10
)

// twin is the state of a device at the hub.
type twin struct {
	desired, reported               map[string]any
	desiredVersion, reportedVersion int64
}

// twinOf returns the twin of a device. h.mu is held.
func (h *Hub) twinOf(id string) *twin {
	t := h.twins[id]
	if t == nil {
		t = &twin{desired: map[string]any{}, reported: map[string]any{}, desiredVersion: 1, reportedVersion: 1}
		h.twins[id] = t
	}
	return t
}

// merge applies a JSON merge patch (RFC 7396).
func merge(into, patch map[string]any) map[string]any {
	if into == nil {
		into = map[string]any{}
	}
	for k, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(into, k)
		case map[string]any:
			below, _ := into[k].(map[string]any)
			into[k] = merge(below, v)
		default:
			into[k] = v
		}
	}
	return into
}

// versioned returns a document with its $version.
func versioned(doc map[string]any, version int64) map[string]any {
	out := map[string]any{"$version": version}
	for k, v := range doc {
		out[k] = v
	}
	return out
}

// Desire changes the desired properties by a JSON merge patch and tells the device, if it is there to be told.
func (h *Hub) Desire(device, patch string) (version int64, err error) {
	var changes map[string]any
	if err := json.Unmarshal([]byte(patch), &changes); err != nil {
		return 0, fmt.Errorf("azure: desired properties: %w", err)
	}
	h.mu.Lock()
	t := h.twinOf(device)
	t.desired = merge(t.desired, changes)
	t.desiredVersion++
	version = t.desiredVersion
	h.mu.Unlock()
	payload, err := json.Marshal(versioned(changes, version))
	if err != nil {
		return 0, err
	}
	if h.online(device) {
		h.send(device, twinDesired+"#", fmt.Sprintf("%s?$version=%d", twinDesired, version), payload)
	}
	return version, nil
}

// online reports whether a device is connected: changes are not kept for one that is not.
func (h *Hub) online(id string) bool {
	for _, c := range h.Server.Clients() {
		if c.ID == id {
			return c.Connected
		}
	}
	return false
}

// Reported returns the reported properties as JSON.
func (h *Hub) Reported(device string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	text, _ := json.Marshal(h.twinOf(device).reported)
	return string(text)
}

// twinRequest answers GET and PATCH.
func (h *Hub) twinRequest(id string, m *packet.Publish) {
	get := strings.HasPrefix(m.Topic, twinGet)
	_, query, _ := strings.Cut(m.Topic, "/?")
	values, err := url.ParseQuery(query)
	rid := values.Get("$rid")
	if err != nil || rid == "" {
		return
	}
	status, payload, suffix := 200, []byte(nil), ""
	h.mu.Lock()
	t := h.twinOf(id)
	if get {
		payload, _ = json.Marshal(map[string]any{"desired": versioned(t.desired, t.desiredVersion), "reported": versioned(t.reported, t.reportedVersion)})
	} else {
		var patch map[string]any
		switch err := json.Unmarshal(m.Payload, &patch); {
		case err != nil:
			status = 400
		case len(m.Payload) > twinLimit:
			status = 413
		default:
			t.reported = merge(t.reported, patch)
			t.reportedVersion++
			status, suffix = 204, "&$version="+strconv.FormatInt(t.reportedVersion, 10)
		}
	}
	h.mu.Unlock()
	h.send(id, twinAnswers+"#", fmt.Sprintf("%s%d/?$rid=%s%s", twinAnswers, status, url.QueryEscape(rid), suffix), payload)
}
