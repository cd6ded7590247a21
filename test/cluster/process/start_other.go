//go:build !linux

package process

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// recordThenExec is a shell script: $2 is the record to write, the rest after it
// the program to become. It writes aside and renames, so that a record is whole or
// absent; the rename fails once the folder of the records has been sealed.
const recordThenExec = `
record=$2; shift 2
start=$(LC_ALL=C ps -o lstart= -p $$) &&
echo "$$" $start >"$record.new" &&
mv "$record.new" "$record" &&
exec "$@"`

// recordThenRun is the same, as there are no namespaces.
const recordThenRun = recordThenExec

// session is one of its own, so that a Ctrl-C in the terminal of the starter
// does not reach it.
func session(uintptr) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// startTime gives when pid was started, to the second, and whether it has
// ended already and only waits for its parent to take notice.
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
