package shadow

import "context"

// Delete removes the shadow: DeleteShadow and DeleteNamedShadow of the service. The document has the version that was
// removed and the time. A shadow that is made again within 48 hours goes on counting versions. Errors: [ErrNotFound],
// those of package reqres where no answer came.
//
// It publishes to $aws/things/{thing}/shadow[/name/{name}]/delete.
func (c *Client) Delete(ctx context.Context) (*Document, error) {
	doc := new(Document)
	filters := []string{c.prefix + "delete/+"}
	if err := c.do(ctx, "delete", filters, map[string]any{}, false, doc); err != nil {
		return nil, err
	}
	return doc, nil
}
