// Package policy evaluates AWS IoT policies: explicit deny over allow over nothing, with the wildcards * and ?, policy
// variables and the conditions of a connection. In a resource + and # are letters like any other.
package policy
