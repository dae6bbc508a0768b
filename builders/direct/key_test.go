package direct

import (
	"context"
	"crypto"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readKey reads a key of testdata.
func readKey(t *testing.T, name, secret string) (crypto.PrivateKey, error) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/keys", name))
	if err != nil {
		t.Fatal(err)
	}
	var passphrase func(context.Context) ([]byte, error)
	if secret != "" {
		passphrase = Secret(secret)
	}
	return parseKey(t.Context(), text, passphrase)
}

func TestKeysOfOpenSSL(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ec", "rsa", "ed25519"} {
		plain := map[string]string{"ec": "ec-pkcs8.pem", "rsa": "rsa-pkcs8.pem", "ed25519": "ed25519.pem"}[kind]
		want, err := readKey(t, plain, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range vectors(t, kind) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				got, err := readKey(t, name, "horse staple")
				if err != nil {
					t.Fatal(err)
				}
				if !want.(interface{ Equal(crypto.PrivateKey) bool }).Equal(got) {
					t.Error("another key than it was")
				}
			})
		}
	}
}

// vectors lists the readable keys of one kind.
func vectors(t *testing.T, kind string) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/keys/" + kind + "*.pem")
	if err != nil || len(files) == 0 {
		t.Fatalf("no keys: %v", err)
	}
	var names []string
	for _, file := range files {
		if name := filepath.Base(file); unreadable[name] == "" {
			names = append(names, name)
		}
	}
	return names
}

var unreadable = map[string]string{
	"ec-scrypt.pem":     "unsupported key derivation 1.3.6.1.4.1.11591.4.11: want PBKDF2",
	"ec-pbes1.pem":      "unsupported scheme 1.2.840.113549.1.12.1.3: want PBES2",
	"ec-aria.pem":       "unsupported cipher 1.2.410.200046.1.1.12: want AES",
	"ec-iterations.pem": "asks for 20000000 iterations",
}

func TestKeysThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, want := range unreadable {
		_, err := readKey(t, name, "horse staple")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, want)
		}
	}
}

func TestWrongPassphrase(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ec-openssl3-default.pem", "ec-legacy-aes256.pem", "rsa-legacy-des3.pem", "ec-des3.pem"} {
		if _, err := readKey(t, name, ""); !errors.Is(err, ErrPassphraseNeeded) {
			t.Errorf("%s without a pass phrase: %v", name, err)
		}
		// Enough tries to meet a padding that happens to be right.
		for i := range 300 {
			if strings.HasPrefix(name, "ec-openssl3") && i > 40 {
				break // 2,048 iterations each
			}
			secret := strings.Repeat("x", i+1)
			if key, err := readKey(t, name, secret); !errors.Is(err, ErrPassphrase) {
				t.Fatalf("%s with a wrong pass phrase: %T, %v", name, key, err)
			}
		}
	}
}

func TestKeyErrorsKeepTheSecret(t *testing.T) {
	t.Parallel()
	const secret = "do-not-print-me"
	for name := range unreadable {
		if _, err := readKey(t, name, secret); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readKey(t, "ec-des3.pem", secret); err == nil || strings.Contains(err.Error(), secret) {
		t.Error(err)
	}
}

func TestEncryptedKeyCutAnywhere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/keys/ec-aes128-hmacWithSHA1.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	for n := range block.Bytes {
		if _, err := decryptPKCS8(block.Bytes[:n], []byte("horse staple"), maxIterations); !errors.Is(err, errMalformedKey) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	files, err := filepath.Glob("testdata/keys/*.pem")
	if err != nil || len(files) == 0 {
		f.Fatalf("no keys: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	secret := []byte("horse staple")
	f.Fuzz(func(t *testing.T, text []byte) {
		if chain, err := certificates(text); (len(chain) == 0) != (err != nil) {
			t.Errorf("%d certificates, error %v", len(chain), err)
		}
		block, err := keyBlock(text)
		if err != nil {
			return
		}
		if block.Type == pkcs8Encrypted {
			// Few iterations, or they would be all that the fuzzer does.
			if der, err := decryptPKCS8(block.Bytes, secret, 4096); err == nil {
				_, _ = decrypted("PRIVATE KEY", der)
			}
			return
		}
		if key, err := parseKey(t.Context(), text, Secret(string(secret))); (key == nil) != (err != nil) {
			t.Errorf("key %T, error %v", key, err)
		}
	})
}
