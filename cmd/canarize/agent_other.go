//go:build !linux

package main

// followAgent needs Linux; elsewhere signals alone end a command.
func followAgent(func()) {}
