//go:build linux

package faults

import (
	"os"
	"path/filepath"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// fault is something that breaks.
type fault struct {
	// begin lets it happen, end takes it away and checks what must not have changed.
	begin, end func(*sandbox)
	// afterInit says that in the phase of the first load it comes between that and the
	// first invocation: Lambda freezes nothing earlier.
	afterInit bool
	lasts     bool // an answer comes after the time-out of a fetch, or never
	harmless  bool // Secrets Manager answers as ever
}

// answers is a fault of Secrets Manager itself.
func answers(f awstest.Fault) fault {
	return fault{
		lasts: f.Kind == awstest.Hang || f.Kind == awstest.Drip,
		begin: func(s *sandbox) { s.aws.Fail(f) },
		end:   func(s *sandbox) { s.aws.Heal() },
	}
}

// names is a fault of what the name of Secrets Manager resolves to.
func names(address string) fault {
	return fault{
		begin: func(s *sandbox) { s.resolve(address) },
		end:   func(s *sandbox) { s.resolve(up) },
	}
}

// network is a fault of the way to Secrets Manager that is there or not.
func network(set func(s *sandbox, on bool)) fault {
	return fault{
		begin: func(s *sandbox) { set(s, true) },
		end:   func(s *sandbox) { set(s, false) },
	}
}

// disk is a fault of the dotenv file alone.
func disk(set func(s *sandbox, on bool)) fault {
	f := network(set)
	f.harmless = true
	return f
}

// jumps is a step of the sandbox's clock alone, which is put right afterwards.
func jumps(d time.Duration) fault {
	return fault{
		harmless: true,
		begin:    func(s *sandbox) { s.step(d) },
		end:      func(s *sandbox) { s.step(-d) },
	}
}

// frozen is a freeze over which every connection to the outside dies without a word.
func frozen(d time.Duration) fault {
	return fault{
		begin: func(s *sandbox) {
			s.lambda.Freeze()
			s.aws.wire.Blackhole()
			s.sleep(d)
			s.lambda.Thaw()
		},
		end:      func(*sandbox) {},
		harmless: true, afterInit: true,
	}
}

// linked is a symbolic link in the place of the dotenv file, to a file that is not
// the extension's to write.
func linked() fault {
	const text = "not to be touched"
	victim := func(s *sandbox) string { return filepath.Join(filepath.Dir(s.dir), "victim") }
	return fault{
		harmless: true,
		begin: func(s *sandbox) {
			_ = os.Remove(s.file)
			s.check(os.WriteFile(victim(s), []byte(text), 0o666))
			s.check(os.Chmod(victim(s), 0o666))
			s.check(os.Symlink(victim(s), s.file))
		},
		end: func(s *sandbox) {
			if got, err := os.ReadFile(victim(s)); string(got) != text {
				s.t.Errorf("the file that the link pointed to has %q, %v; want %q", got, err, text)
			}
		},
	}
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// readOnly takes from the extension the right to make, rename or remove a file.
func (s *sandbox) readOnly(on bool) {
	mode := os.FileMode(0o777)
	if on {
		mode = 0o555
	}
	s.check(os.Chmod(s.dir, mode))
}
