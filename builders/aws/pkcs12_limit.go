package awsiot

import (
	"encoding/asn1"
	"math/big"
)

// maxIterations bounds the work that a PKCS #12 file may ask for: some seconds. Those of OpenSSL ask for 2,048, of Windows
// and Java for up to 10,000, of careful people for a million.
const maxIterations = 10_000_000

// maxDepth is of the ASN.1 structure. A PKCS #12 file has half of it.
const maxDepth = 32

// laborious reports whether a PKCS #12 file asks for more iterations of a key derivation than are accepted. The library,
// which cannot be interrupted, goes through with as many as there are. Wherever the file has the parameters of one, a salt
// in an OCTET STRING is followed by their number in an INTEGER (RFC 7292 section 4 and appendix B, RFC 8018 appendix A).
func laborious(der []byte, depth int) bool {
	afterSalt := false
	for len(der) > 0 && depth < maxDepth {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return false // the library says so
		}
		octets := v.Class == asn1.ClassUniversal && v.Tag == asn1.TagOctetString && !v.IsCompound
		var n *big.Int
		switch {
		case afterSalt && v.Class == asn1.ClassUniversal && v.Tag == asn1.TagInteger:
			if _, err := asn1.Unmarshal(v.FullBytes, &n); err == nil && n.Cmp(big.NewInt(maxIterations)) > 0 {
				return true
			}
		case v.IsCompound, octets && structured(v.Bytes):
			if laborious(v.Bytes, depth+1) {
				return true
			}
		}
		afterSalt = octets
		der = rest
	}
	return false
}

// structured reports whether the content of an OCTET STRING is one SEQUENCE. What is encrypted is none, but by a chance in
// millions.
func structured(der []byte) bool {
	var v asn1.RawValue
	rest, err := asn1.Unmarshal(der, &v)
	return err == nil && len(rest) == 0 && v.Class == asn1.ClassUniversal && v.Tag == asn1.TagSequence
}
