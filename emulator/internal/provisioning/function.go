package provisioning

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// scope is what the functions of a template can refer to.
type scope struct {
	parameters map[string]string
	mappings   map[string]any
}

// text evaluates an expression that must come to text.
func (s *scope) text(v any) (string, error) {
	v, err := s.eval(v)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", fmt.Errorf("text was expected where there is none")
}

// eval evaluates an expression. Objects with one member may be functions; other values are themselves.
func (s *scope) eval(v any) (any, error) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return v, nil
	}
	for name, arg := range m {
		var result any
		var err error
		switch name {
		case "Ref":
			result, err = s.ref(arg)
		case "Fn::Join":
			result, err = s.join(arg)
		case "Fn::Select":
			result, err = s.choose(arg)
		case "Fn::FindInMap":
			result, err = s.find(arg)
		case "Fn::Split":
			result, err = s.split(arg)
		case "Fn::Sub":
			result, err = s.substitute(arg)
		default:
			return v, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return result, nil
	}
	return v, nil
}

func (s *scope) ref(arg any) (any, error) {
	name, _ := arg.(string)
	if v, there := s.parameters[name]; there {
		return v, nil
	}
	return nil, fmt.Errorf("there is no parameter %q", name)
}

// pair returns the two arguments of a function.
func pair(arg any) (any, any, error) {
	if l, ok := arg.([]any); ok && len(l) == 2 {
		return l[0], l[1], nil
	}
	return nil, nil, fmt.Errorf("it takes two arguments")
}

// list evaluates an expression that must come to a list of texts.
func (s *scope) list(v any) ([]string, error) {
	v, err := s.eval(v)
	if err != nil {
		return nil, err
	}
	if l, ok := v.([]string); ok {
		return l, nil
	}
	l, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("a list was expected")
	}
	texts := make([]string, len(l))
	for i, e := range l {
		if texts[i], err = s.text(e); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func (s *scope) join(arg any) (any, error) {
	a, b, err := pair(arg)
	if err != nil {
		return nil, err
	}
	delimiter, err := s.text(a)
	if err != nil {
		return nil, err
	}
	l, err := s.list(b)
	return strings.Join(l, delimiter), err
}

func (s *scope) choose(arg any) (any, error) {
	a, b, err := pair(arg)
	if err != nil {
		return nil, err
	}
	index, err := s.text(a)
	if err != nil {
		return nil, err
	}
	l, err := s.list(b)
	if err != nil {
		return nil, err
	}
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || i >= len(l) {
		return nil, fmt.Errorf("there is no element %q", index)
	}
	return l[i], nil
}

func (s *scope) find(arg any) (any, error) {
	keys, err := s.list(arg)
	if err != nil || len(keys) != 3 {
		return nil, fmt.Errorf("it takes three arguments")
	}
	var v any = s.mappings
	for _, key := range keys {
		m, _ := v.(map[string]any)
		if v = m[key]; v == nil {
			return nil, fmt.Errorf("there is no %q in Mappings", key)
		}
	}
	return v, nil
}

func (s *scope) split(arg any) (any, error) {
	a, b, err := pair(arg)
	if err != nil {
		return nil, err
	}
	delimiter, err := s.text(a)
	if err != nil {
		return nil, err
	}
	text, err := s.text(b)
	return strings.Split(text, delimiter), err
}

// substitute replaces ${name}; ${!name} stays as ${name}.
func (s *scope) substitute(arg any) (any, error) {
	local := map[string]any{}
	text, ok := arg.(string)
	if !ok {
		a, b, err := pair(arg)
		if err != nil {
			return nil, err
		}
		if text, ok = a.(string); !ok {
			return nil, fmt.Errorf("text was expected")
		}
		local, _ = b.(map[string]any)
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("a brace is not closed")
		}
		text = after
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			out.WriteString("${" + literal + "}")
			continue
		}
		v, there := local[name]
		if !there {
			v = map[string]any{"Ref": name}
		}
		value, err := s.text(v)
		if err != nil {
			return nil, err
		}
		if out.WriteString(value); out.Len() > 64<<10 {
			return nil, fmt.Errorf("the text becomes too long")
		}
	}
}
