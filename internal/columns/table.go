package columns

import (
	"slices"
	"strings"
)

// Table is a table of texts without line ends. Its first row is the heading.
type Table struct {
	// Prose means that the last column holds sentences. If there is no room for it, it
	// goes beneath the others.
	Prose bool
	rows  [][]string
}

// gap separates columns, and under indents what goes beneath a row.
const (
	gap   = "  "
	under = "    "
)

// leastProse is the least room for sentences in a column.
const leastProse = 30

// Row adds a row of at least one cell, and of no more cells than the heading has.
func (t *Table) Row(cells ...string) { t.rows = append(t.rows, cells) }

// Fit returns the table in at most so many columns of a terminal; 0 means any number. A
// table that does not fit becomes narrower step by step: cells of several words take
// several lines, sentences go beneath their row, and at last each row becomes a block with
// one line for each cell.
func (t *Table) Fit(columns int) string {
	if len(t.rows) == 0 {
		return ""
	}
	if whole := t.widths(Width, false); columns <= 0 || t.widest(whole) <= columns {
		return t.lines(whole, true)
	}
	natural := t.widths(Width, true)
	last := len(natural) - 1
	if t.Prose && last > 0 {
		if room := columns - total(natural[:last]) - len(gap); room >= leastProse {
			return t.lines(append(natural[:last:last], room), false)
		}
		if total(natural[:last]) <= columns {
			return t.beneath(natural[:last], columns)
		}
		return t.blocks(columns)
	}
	if widths, fit := shrunk(natural, t.widths(longestWord, true), columns); fit {
		return t.lines(widths, false)
	}
	return t.blocks(columns)
}

// widths returns for each column the largest width of its cells. A cell that ends a row
// early may reach into the columns that the row does not have, unless it is counted too.
func (t *Table) widths(of func(string) int, early bool) []int {
	all := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			if early || i < len(row)-1 || len(row) == len(all) {
				all[i] = max(all[i], of(cell))
			}
		}
	}
	return all
}

// widest returns the width of the widest row.
func (t *Table) widest(widths []int) (most int) {
	for _, row := range t.rows {
		last := len(row) - 1
		most = max(most, total(widths[:last])+len(gap)+Width(row[last]))
	}
	return most
}

func total(widths []int) int {
	sum := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	return sum
}

// leastCell keeps cells of short words from becoming towers.
const leastCell = 14

func longestWord(cell string) (longest int) {
	for _, w := range words(cell) {
		longest = max(longest, Width(w))
	}
	return max(longest, min(Width(cell), leastCell))
}

// shrunk takes columns from the widest until the table fits, but leaves each the room for
// its longest word.
func shrunk(natural, least []int, columns int) (widths []int, fit bool) {
	widths = slices.Clone(natural)
	for total(widths) > columns {
		widest := -1
		for i, w := range widths {
			if w > least[i] && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return nil, false
		}
		widths[widest]--
	}
	return widths, true
}

// lines returns the rows. Unless the table is whole, their cells are wrapped into the
// widths of the columns.
func (t *Table) lines(widths []int, whole bool) string {
	var text strings.Builder
	for _, row := range t.rows {
		writeRow(&text, row, widths, whole)
	}
	return text.String()
}

// writeRow writes a row. In a whole table a cell that ends the row early reaches into the
// next columns.
func writeRow(text *strings.Builder, row []string, widths []int, whole bool) {
	cells, high := make([][]string, len(row)), 1
	for i, cell := range row {
		cells[i] = Wrap(cell, widths[i])
		if whole && i == len(row)-1 {
			cells[i] = []string{cell}
		}
		high = max(high, len(cells[i]))
	}
	for n := range high {
		line := ""
		for i, cell := range cells {
			part := ""
			if n < len(cell) {
				part = cell[n]
			}
			line += Pad(part, widths[i]) + gap
		}
		text.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// beneath returns the rows with their last cells beneath them.
func (t *Table) beneath(widths []int, columns int) string {
	var text strings.Builder
	for i, row := range t.rows {
		writeRow(&text, row[:min(len(row), len(widths))], widths, false)
		if i == 0 || len(row) <= len(widths) {
			continue
		}
		for _, line := range Wrap(row[len(widths)], columns-len(under)) {
			text.WriteString(under + line + "\n")
		}
	}
	return text.String()
}

// blocks returns a block for each row, with one cell on a line, named by the heading.
func (t *Table) blocks(columns int) string {
	heading := t.rows[0]
	wide := 0
	for _, name := range heading {
		wide = max(wide, Width(name))
	}
	var text strings.Builder
	for n, row := range t.rows[1:] {
		if n > 0 {
			text.WriteString("\n")
		}
		for i, cell := range row {
			name := ""
			if i < len(heading) {
				name = heading[i]
			}
			writeField(&text, name, cell, wide, columns)
		}
	}
	return text.String()
}

// writeField writes a name and, beside it or in a narrow terminal beneath it, a cell.
func writeField(text *strings.Builder, name, cell string, wide, columns int) {
	head := Pad(name, wide) + gap
	if cell == "" {
		return
	}
	if wide > columns/2 {
		text.WriteString(Cut(name, columns) + "\n")
		head = gap
	}
	for _, line := range Wrap(cell, max(columns-Width(head), 2)) {
		text.WriteString(strings.TrimRight(head+line, " ") + "\n")
		head = strings.Repeat(" ", Width(head))
	}
}
