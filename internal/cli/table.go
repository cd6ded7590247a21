package cli

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/canarize/canarize/internal/columns"
)

// table aligns the cells of a table and makes foreign text in them harmless.
type table struct{ columns.Table }

func (t *table) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = oneLine(cell)
	}
	t.Row(cells...)
}

// widthOf returns the columns of a terminal, or 0 if the output is none: files and
// programs get whole lines.
func widthOf(w io.Writer) int {
	if !isTerminal(w) {
		return 0
	}
	width, _, _ := term.GetSize(int(w.(*os.File).Fd())) // 0 if unknown
	return width
}
