package engine

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Packets and configurations are written field by field: topic=a qos=1 retain. Names are those of the Go fields in
// lower case with underscores; a field with its zero value is left out.

// set fills the fields of a struct from words.
func (s *script) set(target any, words []string) {
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		v := reflect.ValueOf(target).Elem()
		for part := range strings.SplitSeq(name, ".") { // will.topic
			if v.Kind() == reflect.Pointer {
				if v.IsNil() {
					v.Set(reflect.New(v.Type().Elem()))
				}
				v = v.Elem()
			}
			v = v.FieldByNameFunc(func(field string) bool { return snake(field) == part })
			if !v.IsValid() {
				s.fatalf("%T has no field %s", target, name)
			}
		}
		s.setField(v.Addr().Interface(), value)
	}
}

func (s *script) setField(target any, value string) {
	switch p := target.(type) {
	case *string:
		*p = s.literal(value)
	case *[]byte:
		*p = []byte(s.literal(value))
	case *bool:
		*p = value == "" || s.int(value) == 1
	case *Duration:
		*p = Duration(s.instant(value))
	case *packet.Opt[bool]:
		*p = packet.Some(s.int(value) == 1)
	case *packet.Opt[uint16]:
		*p = packet.Some(uint16(s.int(value)))
	case *packet.Opt[uint32]:
		*p = packet.Some(uint32(s.int(value)))
	case *packet.Opt[packet.QoS]:
		*p = packet.Some(packet.QoS(s.int(value)))
	case *[]string:
		*p = append(*p, s.literal(value))
	case *[]packet.UserProperty:
		key, val, _ := strings.Cut(s.literal(value), ":")
		*p = append(*p, packet.UserProperty{Key: key, Value: val})
	case *[]packet.ReasonCode:
		for c := range strings.SplitSeq(value, ",") {
			*p = append(*p, packet.ReasonCode(s.int(c)))
		}
	case *[]uint32:
		*p = append(*p, uint32(s.int(value)))
	case *[]packet.Filter:
		parts := strings.Split(value, ",")
		f := packet.Filter{Filter: s.literal(parts[0])}
		s.set(&f, parts[1:])
		*p = append(*p, f)
	case *OfflinePolicy:
		*p = map[string]OfflinePolicy{"all": KeepAll, "acknowledged": KeepAcknowledged, "publishes": KeepPublishes, "none": KeepNone}[value]
	case *AliasMode:
		*p = map[string]AliasMode{"none": AliasNone, "manual": AliasManual, "lru": AliasLRU}[value]
	default:
		v := reflect.ValueOf(target).Elem()
		switch {
		case v.CanUint():
			v.SetUint(uint64(s.int(value)))
		case v.CanInt():
			v.SetInt(int64(s.int(value)))
		default:
			s.fatalf("a field of type %T", target)
		}
	}
}

// fieldsOf prints the fields of a struct that are not zero.
func fieldsOf(p any) string {
	var b strings.Builder
	printFields(&b, "", reflect.ValueOf(p).Elem())
	return b.String()
}

func printFields(b *strings.Builder, prefix string, v reflect.Value) {
	for i := range v.NumField() {
		field, f := v.Type().Field(i), v.Field(i)
		empty := f.IsZero() || f.Kind() == reflect.Slice && f.Len() == 0
		if empty || field.Type == reflect.TypeFor[packet.Version]() {
			continue
		}
		if field.Anonymous {
			printFields(b, prefix, f)
			continue
		}
		if f.Kind() == reflect.Pointer {
			printFields(b, snake(field.Name)+".", f.Elem())
			continue
		}
		name := prefix + snake(field.Name)
		for _, value := range fieldValues(f.Interface()) {
			if b.WriteString(" " + name); value != "" {
				b.WriteString("=" + value)
			}
		}
	}
}

// fieldValues prints a value; lists of structs and strings take a word for each element.
func fieldValues(value any) (words []string) {
	switch v := value.(type) {
	case bool:
		return []string{""}
	case string:
		return []string{quote(v)}
	case []byte:
		return []string{quote(string(v))}
	case []string:
		for _, e := range v {
			words = append(words, quote(e))
		}
	case []uint32:
		for _, e := range v {
			words = append(words, fmt.Sprint(e))
		}
	case []packet.UserProperty:
		for _, u := range v {
			words = append(words, quote(u.Key+":"+u.Value))
		}
	case []packet.Filter:
		for _, f := range v {
			words = append(words, quote(f.Filter)+strings.ReplaceAll(fieldsOf(&struct {
				QoS               packet.QoS
				NoLocal           bool
				RetainAsPublished bool
				RetainHandling    packet.RetainHandling
			}{f.QoS, f.NoLocal, f.RetainAsPublished, f.RetainHandling}), " ", ","))
		}
	case []packet.ReasonCode:
		var codes []string
		for _, c := range v {
			codes = append(codes, fmt.Sprintf("0x%02X", byte(c)))
		}
		return []string{strings.Join(codes, ",")}
	case packet.ReasonCode:
		return []string{fmt.Sprintf("0x%02X", byte(v))}
	case packet.Opt[bool]:
		return []string{map[bool]string{true: "1", false: "0"}[v.Or(false)]}
	case Duration:
		return []string{time.Duration(v).String()}
	default:
		return []string{fmt.Sprint(v)}
	}
	return words
}

var (
	plainText = regexp.MustCompile(`^[A-Za-z0-9_/+#$.:-]+$`)
	times     = regexp.MustCompile(`^(.)\*(\d+)$`)
)

// quote prints text bare where that is clear, and a long run of one letter as x*1000.
func quote(text string) string {
	if len(text) >= 20 && strings.Trim(text, text[:1]) == "" {
		return text[:1] + "*" + itoa(len(text))
	}
	if plainText.MatchString(text) {
		return text
	}
	return strconv.Quote(text)
}

func (s *script) literal(word string) string {
	if m := times.FindStringSubmatch(word); m != nil {
		return strings.Repeat(m[1], s.int(m[2]))
	}
	if !strings.HasPrefix(word, `"`) {
		return word
	}
	text, err := strconv.Unquote(word)
	if err != nil {
		s.fatalf("%s: %v", word, err)
	}
	return text
}

var upper = regexp.MustCompile(`[A-Z][a-z0-9]*`)

func snake(field string) string {
	field = strings.NewReplacer("IDs", "Ids", "ID", "Id", "QoS", "Qos").Replace(field)
	return strings.ToLower(strings.Trim(upper.ReplaceAllString(field, "_$0"), "_"))
}
