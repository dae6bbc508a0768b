package azure

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

const (
	methodRequest = "$iothub/methods/POST/"
	methodAnswer  = "$iothub/methods/res/"
)

// answer is what a device returned.
type answer struct {
	status  int
	payload []byte
}

// ErrNotThere is returned for a device that is not connected, or takes no methods.
var ErrNotThere = errors.New("azure: the device is not there")

// Invoke calls a direct method and waits for the answer.
func (h *Hub) Invoke(ctx context.Context, device, method string, payload []byte) (status int, response []byte, err error) {
	h.mu.Lock()
	h.next++
	rid := strconv.Itoa(h.next)
	ch := make(chan answer, 1)
	h.pending[rid] = ch
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.pending, rid)
		h.mu.Unlock()
	}()
	if !h.online(device) || !h.send(device, methodRequest+"#", fmt.Sprintf("%s%s/?$rid=%s", methodRequest, method, rid), payload) {
		return 0, nil, ErrNotThere
	}
	select {
	case a := <-ch:
		return a.status, a.payload, nil
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
}

// answered takes the answer of a device: {status}/?$rid={rid}.
func (h *Hub) answered(rest string, payload []byte) {
	text, query, _ := strings.Cut(rest, "/?")
	status, err := strconv.Atoi(text)
	values, bad := url.ParseQuery(query)
	if err != nil || bad != nil {
		return
	}
	h.mu.Lock()
	ch := h.pending[values.Get("$rid")]
	h.mu.Unlock()
	if ch != nil {
		select {
		case ch <- answer{status, payload}:
		default:
		}
	}
}
