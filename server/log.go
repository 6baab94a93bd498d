package server

import (
	"io"
	"log/slog"
)

// NewLogger makes the logger that a configuration asks for, and the level that
// a reload can change (Options.Level).
func NewLogger(w io.Writer, c Log) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(c.Level)
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o)), level
	}
	return slog.New(slog.NewTextHandler(w, o)), level
}
