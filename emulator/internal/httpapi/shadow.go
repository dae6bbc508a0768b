package httpapi

import (
	"strconv"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

func (a *api) shadows() {
	a.add("GET /things/{thing}/shadow", a.getShadow, "GetThingShadow", "thing/{thing}")
	a.add("POST /things/{thing}/shadow", a.updateShadow, "UpdateThingShadow", "thing/{thing}")
	a.add("DELETE /things/{thing}/shadow", a.deleteShadow, "DeleteThingShadow", "thing/{thing}")
	a.add("GET /api/things/shadow/ListNamedShadowsForThing/{thing}", a.namedShadows, "ListNamedShadowsForThing", "thing/{thing}")
}

// shadowName returns the thing and the name of a shadow.
func (c *call) shadow() (thing, name string) { return c.PathValue("thing"), c.URL.Query().Get("name") }

func (a *api) getShadow(c *call) (any, error) {
	var body []byte
	err := a.read(c, func() (err error) {
		thing, name := c.shadow()
		body, err = a.Shadow.Get(c.now, thing, name)
		return err
	})
	return body, err
}

func (a *api) updateShadow(c *call) (any, error) {
	var body []byte
	err := a.change(c, func() (out []service.Message, err error) {
		thing, name := c.shadow()
		body, out, err = a.Shadow.Update(c.now, thing, name, c.body)
		return out, err
	})
	return body, err
}

func (a *api) deleteShadow(c *call) (any, error) {
	var body []byte
	err := a.change(c, func() (out []service.Message, err error) {
		thing, name := c.shadow()
		body, out, err = a.Shadow.Delete(c.now, thing, name)
		return out, err
	})
	return body, err
}

func (a *api) namedShadows(c *call) (answer any, err error) {
	if s := c.URL.Query().Get("pageSize"); s != "" {
		if n, err := strconv.Atoi(s); err != nil || n < 1 || n > 100 {
			return nil, invalid("pageSize must be between 1 and 100")
		}
	}
	err = a.read(c, func() error {
		part, next, err := page(c, a.Shadow.Named(c.PathValue("thing")), "pageSize")
		o := object{"results": part, "timestamp": c.now.Unix()}
		put(o, "nextToken", next)
		answer = o
		return err
	})
	return answer, err
}
