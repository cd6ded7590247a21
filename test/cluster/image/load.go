package image

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
)

// Load loads an image into the containerd at a socket, for the kubelet.
func Load(ctx context.Context, socket string, i Image) error {
	cmd := exec.CommandContext(ctx, "ctr", "--address", socket, "--namespace", "k8s.io", "images", "import", "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("load image %s: %w", i.Name, err)
	}
	written := i.Write(in)
	_ = in.Close() // ctr notices an incomplete archive
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("load image %s: ctr: %w: %s", i.Name, err, bytes.TrimSpace(out.Bytes()))
	}
	return written
}
