// Package mosquitto reads the files in which mosquitto keeps users and rights, and says
// what resources they are here: password_file, acl_file, the file of the dynamic security
// plugin, and mosquitto.conf, which names the others.
//
// Mosquitto's rules are an ordered list of allow and deny for each user; here, bindings
// only open. So a rule that allows is taken over if nothing before it denies a part of
// it, for each user by itself; otherwise it is left out, and a remark says so. The result
// never opens what mosquitto keeps closed.
//
// The package is pure: it opens the files it is told to, and speaks to nobody.
//
// Errors: manifest.Faults for files that mosquitto would not read either, each with file
// and line. Files are untrusted: size, lines and depth are bounded. Messages never
// contain a password or its hash.
// Source: mosquitto.conf(5), mosquitto_passwd(1), the documentation of the plugin, and
// what mosquitto 2.0 does (test/behaviour asks it).
package mosquitto
