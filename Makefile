# `make` alone says what there is.
.PHONY: help demo test bench layer check fuzz soak mutants figures fleet

FUZZTIME ?= 1h

# The race detector is linked by a C compiler; go turns cgo off where there is none.
RACE = $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

help:
	@echo 'make demo     a Lambda function gets its secrets and follows a rotation: no account, no network'
	@echo 'make test     go vet and all tests that need nothing but Go'
	@echo 'make layer    the layer of both architectures, into build/'
	@echo 'make check    format, go vet, staticcheck, shell syntax'
	@echo 'make bench    the figures of docs/figures.md, measured here'
	@echo 'and, for hours that nobody waits for:'
	@echo 'make fuzz     every fuzz target for FUZZTIME=$(FUZZTIME), two at a time, and 200,000 values in front of real readers'
	@echo 'make soak     a day in minutes: a million reads with rotations and faults, and the cache against its model'
	@echo 'make mutants  every rule broken once, to see its test fail'
	@echo 'make figures  docs/figures.md and its plots made anew, on a quiet machine'
	@echo 'make fleet    docs/fleet.md and its plots made anew'

demo:
	@scripts/demo

test:
	go vet ./...
	go test $(RACE) $(TESTFLAGS) ./...
	go test -C test/plot $(TESTFLAGS) ./...

layer:
	@scripts/build-layer

check:
	@scripts/check

bench:
	@scripts/bench

fuzz:
	@scripts/fuzz $(FUZZTIME)
	@scripts/conformance -timeout=1h -run 'Random|Matchers|Spelling' -args -random 200000

soak:
	go test -count=1 -timeout=1h ./cache -run '^TestModel$$' -args -seeds 10000
	@scripts/soak

mutants:
	go run ./test/mutants

figures:
	@scripts/figures

fleet:
	@scripts/fleet-sim
