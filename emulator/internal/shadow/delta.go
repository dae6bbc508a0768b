package shadow

// delta returns what is desired and not reported, with the metadata of the desired values. Members that are only
// reported do not matter, and arrays are equal or not.
func delta(desired, reported, meta map[string]any) (diff, diffMeta map[string]any) {
	diff, diffMeta = map[string]any{}, map[string]any{}
	for key, want := range desired {
		have, there := reported[key]
		if there && equal(want, have) {
			continue
		}
		wantObject, ok1 := want.(map[string]any)
		haveObject, ok2 := have.(map[string]any)
		if !ok1 || !ok2 {
			diff[key], diffMeta[key] = want, meta[key]
			continue
		}
		m, _ := meta[key].(map[string]any)
		if d, dm := delta(wantObject, haveObject, m); len(d) > 0 {
			diff[key], diffMeta[key] = d, dm
		}
	}
	return diff, diffMeta
}
