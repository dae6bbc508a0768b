package gate

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// attributes of a subject or issuer, by the names that policies have for them: the last part of their object identifier
// 2.5.4.x.
var nameAttributes = map[string]int{
	"CommonName": 3, "Surname": 4, "SerialNumber": 5, "Country": 6, "State": 8, "Organization": 10,
	"OrganizationalUnit": 11, "Title": 12, "GivenName": 42, "Initials": 43, "GenerationQualifier": 44,
	"DistinguishedNameQualifier": 46, "Pseudonym": 65,
}

// maxListed is how many values of one attribute a policy sees.
const maxListed = 5

// certificateValues returns what a certificate says, by the name of a policy variable without iot:Certificate. A name alone
// is the first of several values, with .1 the second and so on, and with .List all of them.
func certificateValues(leaf *x509.Certificate, name string) []string {
	name, which := cutIndex(name)
	var all []string
	switch kind, field, _ := strings.Cut(name, "."); kind {
	case "SerialNumber":
		all = []string{leaf.SerialNumber.String()}
	case "AvailableKeys":
		all = availableKeys(leaf)
	case "Subject":
		all = nameValues(&leaf.Subject, field)
	case "Issuer":
		all = nameValues(&leaf.Issuer, field)
	case "AlternativeName":
		all = alternativeValues(leaf, field)
	}
	all = all[:min(len(all), maxListed)]
	switch {
	case which == everyIndex:
		return all
	case which >= len(all):
		return nil
	}
	return all[which : which+1]
}

const everyIndex = -1

// cutIndex takes .1 or .List off a name.
func cutIndex(name string) (string, int) {
	if rest, ok := strings.CutSuffix(name, ".List"); ok {
		return rest, everyIndex
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		if n, err := strconv.ParseUint(name[i+1:], 10, 8); err == nil {
			return name[:i], int(n)
		}
	}
	return name, 0
}

func nameValues(n *pkix.Name, field string) (all []string) {
	id, ok := nameAttributes[field]
	for _, a := range n.Names {
		if ok && len(a.Type) == 4 && a.Type[0] == 2 && a.Type[1] == 5 && a.Type[2] == 4 && a.Type[3] == id {
			all = append(all, fmt.Sprint(a.Value))
		}
	}
	return all
}

func alternativeValues(leaf *x509.Certificate, field string) (all []string) {
	switch field {
	case "RFC822Name":
		return leaf.EmailAddresses
	case "DNSName":
		return leaf.DNSNames
	case "UniformResourceIdentifier":
		for _, u := range leaf.URIs {
			all = append(all, u.String())
		}
	case "IPAddress":
		for _, ip := range leaf.IPAddresses {
			all = append(all, ip.String())
		}
	}
	return all
}

// availableKeys names every attribute of the subject and the issuer that there is.
func availableKeys(leaf *x509.Certificate) (keys []string) {
	for field := range nameAttributes {
		if len(nameValues(&leaf.Subject, field)) > 0 {
			keys = append(keys, "Subject."+field)
		}
		if len(nameValues(&leaf.Issuer, field)) > 0 {
			keys = append(keys, "Issuer."+field)
		}
	}
	slices.Sort(keys)
	return keys
}
