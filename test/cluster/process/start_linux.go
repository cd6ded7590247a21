package process

import (
	"fmt"
	"os"
	"strings"
)

// recordThenExec is a shell script: $1 is the record to write, the rest the
// program to become. It writes aside and renames, so that a record is whole or
// absent; the rename fails once the folder of the records has been sealed. The
// 20th field after the name is the start time in clock ticks since boot
// (proc(5), field 22), and survives the exec.
const recordThenExec = `
record=$1; shift
start() { set -- ${1##*) }; echo "${20}"; }
read -r stat </proc/$$/stat &&
echo "$$ $(start "$stat")" >"$record.new" &&
mv "$record.new" "$record" &&
exec "$@"`

// startTime gives when pid was started, in clock ticks since boot, and whether
// it has ended already and only waits for its parent to take notice.
func startTime(pid int) (start string, zombie bool, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false, err
	}
	// The name, in parentheses, may hold spaces and parentheses itself.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 20 {
		return "", false, fmt.Errorf("/proc/%d/stat has %d fields after the name, expected at least 20", pid, len(fields))
	}
	return fields[19], fields[0] == "Z" || fields[0] == "X", nil
}
