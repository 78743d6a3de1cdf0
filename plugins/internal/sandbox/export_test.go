package sandbox

// Kinds are the ways to namespaces that this user may hope for, by name.
func Kinds() map[string]int {
	names := map[kind]string{mapped: "all users mapped", single: "one user mapped", plain: "no user namespace"}
	m := map[string]int{}
	for _, k := range kinds() {
		m[names[k]] = int(k)
	}
	return m
}

// TryKind says whether a kind works, and has it used; 0 leaves the choice to New again.
func TryKind(k int) error {
	if kind(k) != undecided {
		if err := kind(k).try(); err != nil {
			return err
		}
	}
	chosen.Store(int32(k))
	return nil
}
