package canary

import "testing"

// TestLossOf: only an image without a version in place of one with a version loses it.
func TestLossOf(t *testing.T) {
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		before, after string
		want          loss
	}{
		{"app" + digest, "app", lostVersion},
		{"app:1" + digest, "app", lostVersion},
		{"registry.example.com:5000/app:1", "registry.example.com:5000/app", lostVersion},
		{"app:1", "docker.io/library/app", lostVersion},
		{"app:1", "other", lostVersion},
		{"app", "app", lostNothing},
		{"app", "docker.io/library/app", lostNothing},
		{"", "app", lostNothing},
		{"app:latest", "app", lostNothing},
		{"app:1", "app:latest", lostNothing}, // says so itself
		{"app:1", "app:2", lostNothing},
		{"app:1", "app" + digest, lostNothing},
		{"app" + digest, "app:2" + digest, lostNothing},
		{"app" + digest, "app" + digest, lostNothing},
		{"app:1" + digest, "app:2", lostDigest},
		{"app" + digest, "app:2", lostDigest},
	} {
		if have := lossOf(c.before, c.after); have != c.want {
			t.Errorf("%s → %s: %d, want %d", c.before, c.after, have, c.want)
		}
	}
	for ref, want := range map[string]string{"app:1": "app:1", "app:1" + digest: "app:1@sha256:0123456789ab…", "app@sha256:0123": "app@sha256:0123", "": ""} {
		if have := shortDigest(ref); have != want {
			t.Errorf("%s: %s", ref, have)
		}
	}
}
