package iotcore

// ShadowLimits bounds shadows. Zero fields mean the defaults, which are the service's where nothing else is said.
type ShadowLimits struct {
	// Size is the largest state document, metadata apart, in bytes of compact JSON. Default 8,192.
	Size int
	// Depth is how deep members may be nested in a section. Default 8; earlier versions of the service had 5 and 6.
	Depth int
	// Shadows is how many shadows there may be altogether. Default 100,000, for the emulator's memory.
	Shadows int
	// Rate is how many requests a thing may make in a second; the service allows 20. 0 means any number.
	Rate int
	// KeepEmpty keeps objects that the removal of members has left empty. The service is not documented on this point.
	KeepEmpty bool
}
