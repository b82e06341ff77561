//go:build tools

// Package lal names the version of lal's server that tests build and start.
package lal

import _ "github.com/q191201771/lal/app/lalserver"
