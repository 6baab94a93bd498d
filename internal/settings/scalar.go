package settings

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Size is a number of bytes, written plain or with a unit: 64MiB, 1GiB, 10KB.
type Size int64

var units = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

func (s Size) String() string {
	for i := 3; i >= 0; i-- {
		if n := int64(units[i].bytes); s != 0 && int64(s)%n == 0 {
			return fmt.Sprintf("%d%s", int64(s)/n, units[i].name)
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// parseSize reads 64MiB, or a plain number of bytes.
func parseSize(text string) (int64, error) {
	factor, number := 1.0, text
	for _, u := range units {
		if head, ok := strings.CutSuffix(text, u.name); ok {
			factor, number = u.bytes, strings.TrimSpace(head)
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if n *= factor; err != nil || n < 0 || n != math.Trunc(n) || n > math.MaxInt64/2 {
		return 0, fmt.Errorf("want a size such as 64MiB or a number of bytes, have %q", text)
	}
	return int64(n), nil
}

// isSize says whether a number of this field counts bytes.
func isSize(v reflect.Value, key string) bool {
	return v.Type() == reflect.TypeFor[Size]() || strings.HasSuffix(key, "bytes") || strings.HasSuffix(key, "size")
}

// enums are the named numbers of rooms that know nothing of configuration.
var enums = map[reflect.Type][]string{}

// Enum gives the values 0, 1, 2 ... of a number type their names. Call it
// before anything is loaded (init).
func Enum[T ~uint8 | ~int](names ...string) { enums[reflect.TypeFor[T]()] = names }

func parseEnum(v reflect.Value, names []string, text string) error {
	i := slices.Index(names, text)
	if i < 0 {
		return fmt.Errorf("want %s, have %q", strings.Join(names, " or "), text)
	}
	v.Set(reflect.ValueOf(i).Convert(v.Type()))
	return nil
}

// parse sets a leaf from text. key is the last part of its path.
func parse(v reflect.Value, key, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	if names := enums[v.Type()]; names != nil {
		return parseEnum(v, names, text)
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("want a duration such as 30s or 5m, have %q", text)
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("want true or false, have %q", text)
		}
		v.SetBool(b)
	case v.CanInt() || v.CanUint():
		return parseNumber(v, key, text)
	case v.CanFloat():
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("want a number, have %q", text)
		}
		v.SetFloat(f)
	case v.Type() == reflect.TypeFor[[]string]():
		var list []string
		for one := range strings.SplitSeq(text, ",") {
			if one = strings.TrimSpace(one); one != "" {
				list = append(list, one)
			}
		}
		v.Set(reflect.ValueOf(list))
	default:
		return fmt.Errorf("cannot be set to a single value")
	}
	return nil
}

func parseNumber(v reflect.Value, key, text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && isSize(v, key) {
		n, err = parseSize(text)
		if err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("want a whole number, have %q", text)
	}
	if v.CanInt() {
		if v.OverflowInt(n) {
			return fmt.Errorf("%d is too large", n)
		}
		v.SetInt(n)
		return nil
	}
	if n < 0 {
		return fmt.Errorf("%d is below zero", n)
	}
	if v.OverflowUint(uint64(n)) {
		return fmt.Errorf("%d is too large", n)
	}
	v.SetUint(uint64(n))
	return nil
}

// Format writes a leaf as a source would.
func Format(v reflect.Value) string {
	if list, ok := v.Interface().([]string); ok {
		return strings.Join(list, ",")
	}
	if names := enums[v.Type()]; names != nil {
		return names[v.Convert(reflect.TypeFor[int]()).Int()]
	}
	return fmt.Sprint(v.Interface())
}
