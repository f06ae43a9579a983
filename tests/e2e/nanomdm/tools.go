//go:build tools

// Package nanomdm names the program that test_mdm.py builds.
package nanomdm

import _ "github.com/micromdm/nanomdm/cmd/nanomdm"
