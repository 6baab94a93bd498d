package server

import (
	"errors"
	"maps"
	"slices"

	"gridmq/internal/settings"
)

// Reload reads the configuration again and applies what can change while
// running: certificates (their files are read anew in any case), limits and
// profiles, the log level, the drain's time-out. A configuration that is wrong
// changes nothing; what needs a restart is said and left.
func (s *Server) Reload() error {
	s.mu.Lock()
	resources := s.resources
	s.mu.Unlock()
	resources.Reopen() // whatever becomes of the configuration: the file may have been moved
	err := s.reload()
	result := "applied"
	if err != nil {
		result = "refused"
		s.log.Error("configuration refused, the old one stays in force", "err", err)
	}
	s.metrics.reloads.WithLabelValues(result).Inc()
	return err
}

func (s *Server) reload() error {
	if s.opts.Load == nil {
		return errors.New("reload: there is nothing to read again")
	}
	next, err := s.opts.Load()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broker == nil {
		return errors.New("reload: the server is still starting")
	}
	if s.loaded { // first, as it is what can fail
		files, err := s.certificateFiles(&next)
		if err == nil {
			err = s.certs.Replace(files...)
		}
		if err != nil {
			return err
		}
	}
	s.domains.reload(s.covered(&next))
	return s.apply(&next)
}

// apply takes over what may change; s.mu is held.
func (s *Server) apply(next *Config) error {
	paths, allowed := settings.Changed(&s.cfg, next)
	spaces := maps.Clone(s.cfg.Namespaces)
	for _, name := range slices.Sorted(maps.Keys(next.Namespaces)) {
		old, running := spaces[name]
		if !running {
			s.log.Warn("a new namespace needs a restart", "namespace", name)
			continue
		}
		changed := next.Namespaces[name]
		if name != DevNamespace || s.cfg.Dev.Enabled {
			if name == DevNamespace {
				if err := s.broker.SetLimits(name, changed.limits()); err != nil {
					return err
				}
			}
		}
		old.Profile, old.Limits = changed.Profile, changed.Limits
		spaces[name] = old
	}
	for name := range spaces {
		if !has(next.Namespaces, name) {
			s.log.Warn("a namespace that is no longer in the configuration stays until a restart", "namespace", name)
		}
	}
	for _, path := range paths {
		if allowed[path] {
			s.log.Info("setting changed", "setting", path)
		} else {
			s.log.Warn("setting changed in the file, but needs a restart", "setting", path)
		}
	}
	s.cfg.Namespaces = spaces
	s.spaces.Store(&spaces)
	s.tenants.Relimit()
	s.cfg.TLS.Certificates = next.TLS.Certificates
	if err := s.bridges.reload(next.Bridges); err != nil {
		return err
	}
	s.cfg.Bridges = next.Bridges
	s.cfg.Log.Level, s.cfg.Shutdown = next.Log.Level, next.Shutdown
	s.opts.Level.Set(next.Log.Level)
	s.log.Info("configuration reloaded", "changes", len(paths))
	return nil
}
