// Package page shows a release while it runs, in a browser on the same machine. A Server
// listens on loopback, streams what the page shows as server-sent events, and takes the
// visitor's deeds. The page has no build step and loads nothing from elsewhere.
package page
