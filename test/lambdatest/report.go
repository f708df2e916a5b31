package lambdatest

// Report is what an extension, or the runtime, said about its own failure.
type Report struct {
	From    string // name of the extension, or "runtime"
	Call    string // "init/error" or "exit/error"
	Type    string // the header Lambda-Extension-Function-Error-Type, or the runtime's
	Message string // errorMessage of the body
	Body    []byte // as it was sent
}

// InitError returns the first report of an init error, or nil.
func (l *Lambda) InitError() *Report { return l.report("init/error") }

// ExitError returns the first report of an exit error, or nil.
func (l *Lambda) ExitError() *Report { return l.report("exit/error") }

func (l *Lambda) report(call string) *Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.reports {
		if r.Call == call {
			return &r
		}
	}
	return nil
}
