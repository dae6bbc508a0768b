package shadow

import "context"

// Request makes a request with a known token.
func Request(c *Client, ctx context.Context, operation, token string, out any) error {
	return c.do(ctx, operation, []string{c.prefix + operation + "/+"}, map[string]any{"clientToken": token}, false, out)
}
