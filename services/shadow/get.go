package shadow

import "context"

// Get returns the shadow's document: GetShadow and GetNamedShadow of the service. Errors: [ErrNotFound] where there is
// no such shadow, those of package reqres where no answer came.
//
// It publishes to $aws/things/{thing}/shadow[/name/{name}]/get.
func (c *Client) Get(ctx context.Context) (*Document, error) {
	doc := new(Document)
	filters := []string{c.prefix + "get/+"}
	if err := c.do(ctx, "get", filters, map[string]any{}, true, doc); err != nil {
		return nil, err
	}
	return doc, nil
}
