package demo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// guard is a shell script that runs a program and removes a folder after it, however it
// ends. It kills the program when its own standard input ends, which is when this process
// says so or is gone, be it by a panic or by kill -9. It says nothing itself: nobody may read
// it any more, and a broken pipe would end it.
const guard = `
dir=$1
shift
exec 3<&0
"$@" 3<&- &
program=$!
exec >/dev/null 2>&1
{ read -r _ <&3; kill -9 $program; } &
reader=$!
wait $program
code=$?
kill $reader
rm -rf "$dir"
exit $code
`

// guarded is a program that runs under the guard.
type guarded struct {
	input  *os.File      // of the guard
	ended  chan struct{} // closed when the program has ended and the folder is gone
	err    error         // how it ended, then
	output output
}

// startGuarded starts a program that uses a folder.
func startGuarded(dir, path string, args ...string) (*guarded, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	g := &guarded{input: write, ended: make(chan struct{})}
	cmd := exec.Command("/bin/sh", append([]string{"-c", guard, "guard", dir, path}, args...)...) //nolint:gosec // the program is the user's choice
	cmd.Stdin, cmd.Stdout, cmd.Stderr = read, &g.output, &g.output
	cmd.WaitDelay = time.Second // for those who still have its output
	apart(cmd)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	go func() {
		defer close(g.ended)
		g.err = cmd.Wait()
	}()
	return g, nil
}

// end ends the program, and returns when it has ended.
func (g *guarded) end() error {
	err := g.input.Close()
	<-g.ended
	return err
}

// died says how the program has ended by itself.
func (g *guarded) died() error {
	how := "exit status 0"
	if g.err != nil {
		how = g.err.Error()
	}
	return fmt.Errorf("%s%s", how, g.output.last())
}

// output keeps the end of what a program says.
type output struct {
	mu   sync.Mutex
	text []byte
}

// maxOutput is how many bytes are kept at least.
const maxOutput = 2000

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, text...)
	if len(o.text) > 2*maxOutput {
		o.text = append([]byte{}, o.text[len(o.text)-maxOutput:]...)
	}
	return len(text), nil
}

// last returns the last line, after a colon; "" if there is none.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := bytes.TrimSpace(o.text)
	line := text[bytes.LastIndexByte(text, '\n')+1:]
	if len(line) == 0 {
		return ""
	}
	return ": " + string(line[:min(len(line), 500)])
}
