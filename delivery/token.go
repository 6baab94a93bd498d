package delivery

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"sync"

	"gridmq/store"
)

// A lock token is base64url, without padding, of: version, generation of the
// subscription (8 bytes), position (8), delivery number (1), check (16). The check is
// an HMAC, so a token that passes was ours; whether it still holds anything, the state
// tells. Dead tokens need not be kept (section 9.3).
const (
	tokenVersion = 1
	tokenBody    = 1 + 8 + 8 + 1
	tokenCheck   = 16
	tokenText    = (tokenBody + tokenCheck + 2) / 3 * 4 // at most
)

// A lock is what a token says.
type lock struct {
	generation uint64
	pos        store.Position
	count      int
}

// tokens makes and checks the tokens of one subscription.
type tokens struct {
	mu  sync.Mutex
	mac hash.Hash
	sum [sha256.Size]byte
}

// newTokens derives the subscription's key: tokens of another one do not pass.
func newTokens(key []byte, namespace, topic, subscription string) *tokens {
	mac := hmac.New(sha256.New, key)
	for _, name := range []string{"lock token", namespace, fold(topic), fold(subscription)} {
		mac.Write([]byte(name))
		mac.Write([]byte{0})
	}
	return &tokens{mac: hmac.New(sha256.New, mac.Sum(nil))}
}

func (t *tokens) check(body []byte) []byte {
	t.mac.Reset()
	t.mac.Write(body)
	return t.mac.Sum(t.sum[:0])[:tokenCheck]
}

func (t *tokens) make(l lock) string {
	var b [tokenBody + tokenCheck]byte
	b[0] = tokenVersion
	binary.BigEndian.PutUint64(b[1:], l.generation)
	binary.BigEndian.PutUint64(b[9:], uint64(l.pos))
	b[17] = byte(l.count)
	t.mu.Lock()
	copy(b[tokenBody:], t.check(b[:tokenBody]))
	t.mu.Unlock()
	return base64.RawURLEncoding.EncodeToString(b[:])
}

var strictBase64 = base64.RawURLEncoding.Strict()

// read returns what text says; ok is false when it is no token of the subscription.
func (t *tokens) read(text string) (l lock, ok bool) {
	var b [tokenText]byte
	if len(text) > tokenText {
		return l, false
	}
	for i := range len(text) { // which the decoder would skip: one token, one text
		if text[i] == '\r' || text[i] == '\n' {
			return l, false
		}
	}
	n, err := strictBase64.Decode(b[:], []byte(text))
	if err != nil || n != tokenBody+tokenCheck || b[0] != tokenVersion {
		return l, false
	}
	t.mu.Lock()
	same := hmac.Equal(t.check(b[:tokenBody]), b[tokenBody:n])
	t.mu.Unlock()
	if !same {
		return l, false
	}
	l.generation = binary.BigEndian.Uint64(b[1:])
	l.pos, l.count = store.Position(binary.BigEndian.Uint64(b[9:])), int(b[17])
	return l, true
}
