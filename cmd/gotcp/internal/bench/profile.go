package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"

	"github.com/google/pprof/profile"
)

// Profiles collects profiles of the runs on the stack, and of nothing else. The runs' profiles of one kind become one;
// its samples carry the label "measurement", so that go tool pprof -tagfocus=in looks at that measurement alone.
type Profiles struct {
	cpuFile, memFile string
	cpu, mem         []*profile.Profile
}

// profiler is what allocates for the profiles themselves.
var profiler = regexp.MustCompile(`^runtime/pprof\.|^github\.com/google/pprof/`)

// NewProfiles collects for the files named; "" for none. With a memFile it has the runtime take samples of one
// allocation in 4 KiB from now on, for the runs are short.
func NewProfiles(cpuFile, memFile string) *Profiles {
	if memFile != "" {
		runtime.MemProfileRate = 4 << 10
	}
	return &Profiles{cpuFile: cpuFile, memFile: memFile}
}

// Create makes the files, empty, so that one that cannot be written is told of before and not after the measuring.
func (p *Profiles) Create() error {
	for _, file := range []string{p.cpuFile, p.memFile} {
		if file == "" {
			continue
		}
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// Around makes a run and profiles it: see [Config].
func (p *Profiles) Around(m Measurement, run func() error) error {
	if p.memFile == "" {
		return p.aroundCPU(m, run)
	}
	before, err := allocated()
	if err != nil {
		return err
	}
	if err := p.aroundCPU(m, run); err != nil {
		return err
	}
	after, err := allocated()
	if err != nil {
		return err
	}
	before.Scale(-1)
	diff, err := profile.Merge([]*profile.Profile{after, before})
	if err != nil {
		return fmt.Errorf("memory profile: %w", err)
	}
	diff.FilterSamplesByName(nil, profiler, nil, nil)
	p.mem = append(p.mem, labelled(diff, m))
	return nil
}

// aroundCPU makes a run and profiles where its time goes.
func (p *Profiles) aroundCPU(m Measurement, run func() error) error {
	if p.cpuFile == "" {
		return run()
	}
	var b bytes.Buffer
	if err := pprof.StartCPUProfile(&b); err != nil {
		return fmt.Errorf("CPU profile: %w", err)
	}
	err := run()
	pprof.StopCPUProfile()
	if err != nil {
		return err
	}
	prof, err := profile.Parse(&b)
	if err != nil {
		return fmt.Errorf("CPU profile: %w", err)
	}
	p.cpu = append(p.cpu, labelled(prof, m))
	return nil
}

// allocated is the profile of all allocations so far.
func allocated() (*profile.Profile, error) {
	runtime.GC() // which publishes what was allocated before it
	var b bytes.Buffer
	if err := pprof.Lookup("allocs").WriteTo(&b, 0); err != nil {
		return nil, fmt.Errorf("memory profile: %w", err)
	}
	prof, err := profile.Parse(&b)
	if err != nil {
		return nil, fmt.Errorf("memory profile: %w", err)
	}
	// What is in use is no property of a run: keep alloc_objects and alloc_space.
	prof.SampleType = prof.SampleType[:2]
	for _, s := range prof.Sample {
		s.Value = s.Value[:2]
	}
	return prof, nil
}

func labelled(p *profile.Profile, m Measurement) *profile.Profile {
	p.SetLabel("measurement", []string{string(m)})
	return p
}

// Write writes the files, as far as there is anything to write.
func (p *Profiles) Write() error {
	return errors.Join(writeProfile(p.cpuFile, p.cpu), writeProfile(p.memFile, p.mem))
}

func writeProfile(file string, runs []*profile.Profile) error {
	if len(runs) == 0 {
		return nil
	}
	all, err := profile.Merge(runs)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(all.Write(f), f.Close())
}
