//go:build !linux

package main

// followAgent needs Linux. On other systems only signals end a command.
func followAgent(func()) {}
