//go:build !linux

package process

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// recordThenExec is a shell script: $2 is the path of the record to write, the arguments
// after it are the program to exec. It writes a temporary file and renames it, so that a
// record is complete or absent. The rename fails once the folder of the records is sealed.
const recordThenExec = `
record=$2; shift 2
start=$(LC_ALL=C ps -o lstart= -p $$) &&
echo "$$" $start >"$record.new" &&
mv "$record.new" "$record" &&
exec "$@"`

// recordThenRun is the same, because there are no namespaces.
const recordThenRun = recordThenExec

// session gives a program its own session, so that a Ctrl-C in the starter's terminal does
// not reach it.
func session(uintptr) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// startTime returns when pid was started, to the second, and whether it has ended already
// and waits to be reaped.
func startTime(pid int) (start string, zombie bool, err error) {
	ps := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid))
	ps.Env = append(ps.Environ(), "LC_ALL=C")
	out, err := ps.Output()
	if err != nil {
		return "", false, fmt.Errorf("ps -p %d: %w", pid, err)
	}
	fields := strings.Fields(string(out))
	if len(fields) < 2 {
		return "", false, fmt.Errorf("ps -p %d printed %q, expected a state and a date", pid, out)
	}
	return strings.Join(fields[1:], " "), strings.HasPrefix(fields[0], "Z"), nil
}
