package listener

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/pires/go-proxyproto"
)

// proxyBuffer holds a header of version 1 (107 bytes) and one of version 2 with
// the usual extras. What is read beyond the header goes to the next stage.
const proxyBuffer = 256

// readProxy reads the header a trusted proxy must send first.
func (l *Listener) readProxy(w *socket, id *identity) error {
	if !l.cfg.ProxyProtocol || !trusts(l.cfg.ProxyTrusted, w.RemoteAddr()) {
		return nil
	}
	br := bufio.NewReaderSize(w, proxyBuffer)
	h, err := proxyproto.Read(br)
	if err != nil {
		return err
	}
	if rest, _ := br.Peek(br.Buffered()); len(rest) > 0 {
		w.early = bytes.Clone(rest)
	}
	if h.Command.IsLocal() || h.TransportProtocol.IsUnspec() {
		return nil // the proxy itself, as for a health check; or it does not know
	}
	from, ok := h.SourceAddr.(*net.TCPAddr)
	if !ok {
		return errors.New("PROXY header names no TCP address")
	}
	id.remote, id.proxy = from, w.RemoteAddr()
	return nil
}

func trusts(trusted []netip.Prefix, addr net.Addr) bool {
	ip, ok := addrOf(addr)
	return ok && slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(ip) })
}
