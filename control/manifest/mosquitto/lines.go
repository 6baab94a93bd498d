package mosquitto

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"gridmq/control/manifest"
)

const (
	maxFile = 64 << 20 // bytes
	maxLine = 1 << 16  // bytes
)

// open reads a file as a whole.
func open(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s has more than %d MiB", path, maxFile>>20)
	}
	return b, err
}

// eachLine gives the lines of a text file, without what ends them. Lines that no version
// of mosquitto reads as they stand are faults.
func eachLine(file string, text []byte, do func(at manifest.Source, line string)) (faults manifest.Faults) {
	in := bufio.NewScanner(bytes.NewReader(text))
	in.Buffer(nil, maxLine)
	at := manifest.Source{File: file, Column: 1}
	for in.Scan() {
		at.Line++
		line := strings.TrimRight(in.Text(), " \t\r\v\f")
		if !utf8.ValidString(line) || strings.ContainsRune(line, 0) {
			faults = append(faults, &manifest.Fault{Source: at, Message: "the line is not text in UTF-8"})
			continue
		}
		do(at, line)
	}
	if in.Err() != nil {
		at.Line++
		faults = append(faults, &manifest.Fault{Source: at, Message: fmt.Sprintf("the line is longer than %d bytes", maxLine)})
	}
	return faults
}
