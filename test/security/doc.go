// Package security tests what SECURITY.md says of the layer's binary as a whole.
package security
