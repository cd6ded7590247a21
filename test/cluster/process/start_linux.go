package process

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// record is a shell script: $1 is the mount point of this machine's /proc, $2 the path of the
// record to write, the other arguments are the program. It writes a temporary file and
// renames it, so that a record is complete or absent. The rename fails once the folder of
// the records is sealed. The script reads the process id from /proc, because $$ is another
// one in a namespace. The 20th field after the name is the start time in clock ticks since
// boot (proc(5), field 22), and survives the exec.
const record = `
proc=$1; record=$2; shift 2
start() { set -- ${1##*) }; echo "${20}"; }
read -r stat <"$proc/self/stat" &&
echo "${stat%% *} $(start "$stat")" >"$record.new" &&
mv "$record.new" "$record" &&
`

const (
	recordThenExec = record + `exec "$@"`
	// recordThenRun is for the first process of a namespace, which has to reap
	// orphaned processes. The shell does so while it waits.
	recordThenRun = record + `{ "$@" & wait $!; }`
)

// session gives a program its own session, so that a Ctrl-C in the starter's terminal does
// not reach it.
func session(namespaces uintptr) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Cloneflags: namespaces}
}

// startTime returns when pid was started, in clock ticks since boot, and whether it has
// ended already and waits to be reaped.
func startTime(pid int) (start string, zombie bool, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false, err
	}
	// The name, in parentheses, may contain spaces and parentheses itself.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 20 {
		return "", false, fmt.Errorf("/proc/%d/stat has %d fields after the name, expected at least 20", pid, len(fields))
	}
	return fields[19], fields[0] == "Z" || fields[0] == "X", nil
}
