package packet

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// build makes the packet that the fields of a golden vector describe.
func (v *vector) build(t testing.TB) Packet {
	t.Helper()
	p := New(Type(v.wire[0] >> 4))
	for _, field := range v.fields {
		name, value, _ := strings.Cut(field, " = ")
		target := reflect.ValueOf(p).Elem()
		for part := range strings.SplitSeq(name, ".") {
			if target.Kind() == reflect.Pointer {
				if target.IsNil() {
					target.Set(reflect.New(target.Type().Elem()))
				}
				target = target.Elem()
			}
			target = target.FieldByName(part)
			if !target.IsValid() {
				t.Fatalf("%v: %T has no field %s", v, p, name)
			}
		}
		setField(t, target.Addr().Interface(), tokens(t, v.file, v.line, value))
	}
	return p
}

func setField(t testing.TB, target any, value []string) {
	t.Helper()
	number := func() uint64 {
		n, err := strconv.ParseUint(value[0], 0, 32)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	yes := value[0] == "true"
	switch p := target.(type) {
	case *bool:
		*p = yes
	case *uint16:
		*p = uint16(number())
	case *uint32:
		*p = uint32(number())
	case *Version:
		*p = Version(number())
	case *QoS:
		*p = QoS(number())
	case *PayloadFormat:
		*p = PayloadFormat(number())
	case *ReasonCode:
		*p = ReasonCode(number())
	case *Opt[bool]:
		*p = Some(yes)
	case *Opt[uint16]:
		*p = Some(uint16(number()))
	case *Opt[uint32]:
		*p = Some(uint32(number()))
	case *Opt[QoS]:
		*p = Some(QoS(number()))
	case *string:
		*p = literal(t, value[0])
	case *[]byte:
		*p = []byte(literal(t, value[0]))
	case *[]string:
		*p = append(*p, literal(t, value[0]))
	case *[]UserProperty:
		*p = append(*p, UserProperty{literal(t, value[0]), literal(t, value[1])})
	case *[]ReasonCode:
		for _, s := range value {
			*p = append(*p, ReasonCode(number8(t, s)))
		}
	case *[]uint32:
		for _, s := range value {
			n, err := strconv.ParseUint(s, 0, 32)
			if err != nil {
				t.Fatal(err)
			}
			*p = append(*p, uint32(n))
		}
	case *[]Filter:
		*p = append(*p, parseFilter(t, value))
	default:
		t.Fatalf("a field of type %T", target)
	}
}

func parseFilter(t testing.TB, value []string) Filter {
	t.Helper()
	f := Filter{Filter: literal(t, value[0])}
	for _, option := range value[1:] {
		switch name, n, _ := strings.Cut(option, "="); name {
		case "QoS":
			f.QoS = QoS(number8(t, n))
		case "NoLocal":
			f.NoLocal = true
		case "RetainAsPublished":
			f.RetainAsPublished = true
		case "RetainHandling":
			f.RetainHandling = RetainHandling(number8(t, n))
		default:
			t.Fatalf("filter option %q", option)
		}
	}
	return f
}
