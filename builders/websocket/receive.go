package mqttws

import (
	"errors"
	"io"
	"net"

	"github.com/gorilla/websocket"
)

var errText = errors.New("mqttws: the server sent a text frame [MQTT-6.0.0-1]")

// receive fills the inbox until the connection ends.
func (c *conn) receive() {
	for {
		kind, r, err := c.ws.NextReader()
		if err == nil && kind != websocket.BinaryMessage {
			c.goodbye(websocket.CloseUnsupportedData, "only binary frames carry MQTT")
			_ = c.ws.Close()
			c.inbox.end(errText)
			return
		}
		if err == nil {
			err = c.receiveMessage(r)
		}
		if err != nil {
			c.inbox.end(c.readError(err))
			return
		}
	}
}

// receiveMessage takes the frames of one message, which may be of any size.
func (c *conn) receiveMessage(r io.Reader) error {
	k := newChunk()
	defer func() { k.recycle() }()
	for {
		n, err := r.Read(k.data[:])
		if k.n = n; n > 0 {
			used := false
			if used, err = c.deliver(k, err); used {
				k = newChunk()
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// deliver waits for room in the inbox. It passes on the error of the read, unless the connection is closed meanwhile.
func (c *conn) deliver(k *chunk, err error) (used bool, _ error) {
	for {
		used, copied := c.inbox.put(k)
		if used || copied {
			return used, err
		}
		select {
		case <-c.inbox.room:
		case <-c.closed:
			return false, net.ErrClosed
		}
	}
}
