# `make` alone says what there is.
.PHONY: help demo test bench layer check fuzz

FUZZTIME ?= 10s

# The race detector is linked by a C compiler; go turns cgo off where there is none.
RACE = $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

help:
	@echo 'make demo   a Lambda function gets its secrets and follows a rotation: no account, no network'
	@echo 'make test   go vet and all tests that need nothing but Go'
	@echo 'make layer  the layer of both architectures, into build/'
	@echo 'make check  format, go vet, staticcheck, shell syntax'
	@echo 'make bench  the figures of the README, measured here'
	@echo 'make fuzz   every fuzz target for FUZZTIME=$(FUZZTIME)'

demo:
	@scripts/demo

test:
	go vet ./...
	go test $(RACE) ./...

layer:
	@scripts/build-layer

check:
	@scripts/check

bench:
	@scripts/bench

fuzz:
	@scripts/fuzz $(FUZZTIME)
