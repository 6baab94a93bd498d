package server

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"go.uber.org/zap/zapcore"
)

// A slogCore lets certmagic, which writes to zap, write to our log. What it tells at
// level info are its steps, which are debug to us; its errors are tries that it
// repeats, and so are warnings.
type slogCore struct {
	log    *slog.Logger
	fields []zapcore.Field
}

// Enabled implements zapcore.Core.
func (c slogCore) Enabled(l zapcore.Level) bool {
	return l >= zapcore.InfoLevel && c.log.Enabled(context.Background(), level(l))
}

func level(l zapcore.Level) slog.Level {
	if l >= zapcore.WarnLevel {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// With implements zapcore.Core.
func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	return slogCore{c.log, slices.Concat(c.fields, fields)}
}

// Check implements zapcore.Core.
func (c slogCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(e.Level) {
		return checked
	}
	return checked.AddCore(e, c)
}

// Write implements zapcore.Core.
func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	all := zapcore.NewMapObjectEncoder()
	for _, f := range slices.Concat(c.fields, fields) {
		f.AddTo(all)
	}
	args := []any{"step", e.Message}
	for _, name := range slices.Sorted(maps.Keys(all.Fields)) {
		args = append(args, name, all.Fields[name])
	}
	c.log.Log(context.Background(), level(e.Level), "acme", args...)
	return nil
}

// Sync implements zapcore.Core.
func (slogCore) Sync() error { return nil }
