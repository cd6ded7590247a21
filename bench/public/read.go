package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// The files in the folder with the data, and their first lines.
const (
	delagFile   = "delag.csv.gz"
	delagHeader = "system,file,latency_ms,label"
	azureFile   = "azure-llm-%s.csv.gz"
	azureHeader = "TIMESTAMP,ContextTokens,GeneratedTokens"
)

// origin tells where the data comes from, and in which form it is read.
const origin = `get the data from its publishers and put it into one folder, as three gzipped CSV files:
  delag.csv.gz          github.com/SpencerLabAQ/icpe-data-challenge-delag, data/{eshopper,trainticket}/NNN.csv (MIT):
                        a row per request with the columns system,file,latency_ms,label
                        (the folder, the number NNN, the latency of the whole request, and 0 healthy, 1 or 2 slowed down)
  azure-llm-code.csv.gz github.com/Azure/AzurePublicDataset, data/AzureLLMInferenceTrace_code.csv and _conv.csv (CC-BY-4.0),
  azure-llm-conv.csv.gz as they are, with the columns TIMESTAMP,ContextTokens,GeneratedTokens
then name the folder: make bench-public DATA=FOLDER`

// data holds everything that was read.
type data struct {
	experiments []experiment // in the order of the file
	heldOut     int          // experiments that were left out
	traces      []trace
}

// read reads the files of a folder.
func read(folder string) (*data, error) {
	if folder == "" {
		return nil, errors.New("no data: this repository does not contain it; " + origin)
	}
	d := &data{}
	var err error
	if d.experiments, d.heldOut, err = readDelag(filepath.Join(folder, delagFile)); err != nil {
		return nil, err
	}
	for _, name := range []string{"code", "conv"} {
		t, err := readTrace(filepath.Join(folder, fmt.Sprintf(azureFile, name)), name)
		if err != nil {
			return nil, err
		}
		d.traces = append(d.traces, t)
	}
	return d, nil
}

// eachRow calls row with the fields of every line after the header of a gzipped
// CSV file without quotes. Errors name the file and the line.
func eachRow(path, header string, row func(fields []string) error) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w; %s", err, origin)
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s:1: cannot be unzipped: %w; get the file again", path, err)
	}
	return parse(path, unzipped, header, row)
}

// parse does the same with the text of a file.
func parse(path string, text io.Reader, header string, row func(fields []string) error) error {
	columns := strings.Count(header, ",") + 1
	fields := make([]string, columns)
	lines := bufio.NewScanner(text)
	number := 0
	for lines.Scan() && lines.Err() == nil { // a line with an error is cut off
		number++
		if number == 1 {
			if have := lines.Text(); have != header {
				return fmt.Errorf("%s:1: the header is %.80q; it must be %q", path, have, header)
			}
			continue
		}
		if n := split(lines.Text(), fields); n != columns {
			return fmt.Errorf("%s:%d: there are %d columns; there must be %d, %s", path, number, n, columns, header)
		}
		if err := row(fields); err != nil {
			return fmt.Errorf("%s:%d: %w", path, number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s:%d: cannot be read: %w; get the file again", path, number+1, err)
	}
	if number < 2 {
		return fmt.Errorf("%s:%d: there is no row", path, number+1)
	}
	return nil
}

// split puts the parts between commas into fields, as far as there is room, and
// returns their number.
func split(line string, fields []string) int {
	n := 0
	for more := true; more; n++ {
		var field string
		field, line, more = strings.Cut(line, ",")
		if n < len(fields) {
			fields[n] = field
		}
	}
	return n
}
