package direct

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
)

// A Dialer makes connections as its options say. It is what the endpoints of this package dial with, and what builders
// of other transports over TCP or TLS are made from. It is safe for concurrent use.
type Dialer struct {
	opts Options
}

// NewDialer judges the options. Files must be there and readable already.
func NewDialer(optFns ...func(*Options)) (*Dialer, error) { return newDialer(newOptions(optFns)) }

func newDialer(o Options) (*Dialer, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if _, err := o.roots(); err != nil {
		return nil, err
	}
	if err := o.checkIdentity(); err != nil {
		return nil, err
	}
	return &Dialer{opts: o}, nil
}

// Format prints the options without their secrets for every verb.
func (d *Dialer) Format(f fmt.State, verb rune) { d.opts.Format(f, verb) }

// DialContext makes a connection without TLS to address, a host:port, through the proxy if there is one. The context
// bounds all of it, the proxy's answer included, but not the life of the connection.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if d.opts.Proxy == nil {
		return d.dialFirst(ctx, network, address)
	}
	proxy, err := d.opts.Proxy(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("direct: proxy for %s: %w", address, err)
	}
	if proxy == nil {
		return d.dialFirst(ctx, network, address)
	}
	return d.dialProxy(ctx, proxy, network, address)
}

// DialTLSContext is DialContext with a TLS connection on top, its handshake done.
//
// With TLS 1.3 a client has finished its handshake before the broker has judged the client's certificate. A broker
// that refuses it says so to the first read.
func (d *Dialer) DialTLSContext(ctx context.Context, network, address string) (net.Conn, error) {
	config, err := d.tlsConfig(ctx, address)
	if err != nil {
		return nil, err
	}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return handshake(ctx, conn, config, address)
}

// tlsConfig makes the configuration of one attempt: files may have changed since the last one.
func (d *Dialer) tlsConfig(ctx context.Context, address string) (*tls.Config, error) {
	o := &d.opts
	config := new(tls.Config)
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	var err error
	if config.RootCAs, err = o.roots(); err != nil {
		return nil, err
	}
	cert, err := o.identity(ctx)
	if err != nil {
		return nil, err
	}
	if cert != nil {
		// Not Certificates: from these Go sends none when the broker's list of authorities names no issuer of it, and
		// brokers' lists are often wrong.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	if len(o.NextProtos) > 0 {
		config.NextProtos = o.NextProtos
	}
	if o.ServerName != "" {
		config.ServerName = o.ServerName
	}
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("direct: address %q: want host:port", address)
		}
		config.ServerName = nameOf(host)
	}
	return config, nil
}

// handshake owns conn: it is closed when the handshake fails.
func handshake(ctx context.Context, conn net.Conn, config *tls.Config, address string) (net.Conn, error) {
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("direct: TLS handshake with %s: %w", address, ended(ctx, err))
	}
	return secure, nil
}

// dialFirst makes the first connection, to the broker or to the proxy.
func (d *Dialer) dialFirst(ctx context.Context, network, address string) (net.Conn, error) {
	dial := d.opts.DialContext
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: d.opts.KeepAlive}).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("direct: %w", ended(ctx, err))
	}
	if d.opts.Nagle {
		if tcp, ok := conn.(interface{ SetNoDelay(bool) error }); ok {
			if err := tcp.SetNoDelay(false); err != nil {
				_ = conn.Close()
				return nil, fmt.Errorf("direct: %w", err)
			}
		}
	}
	return conn, nil
}

// ended adds the end of the context to an error that it has caused: a cancelled dial is not always told as one, and a
// deadline set on a connection may be noticed before the context's own.
func ended(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if _, ok := ctx.Deadline(); cause == nil && ok && errors.Is(err, os.ErrDeadlineExceeded) {
		cause = context.DeadlineExceeded
	}
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}
