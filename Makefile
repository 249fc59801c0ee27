# Makefile - the whole build: one file, no recursion, everything below $(B).
#
#   make                 the programs in $(B)/bin
#   make demo            install what is missing, build, run examples/flights
#   make test            install what is missing, build and run the tests
#   make nexmark         Nexmark's queries against Flink's answers, in full (T=q5 for one)
#   make check-NAME      the unit tests whose name begins with NAME (make check-vector)
#   make asan|ubsan|tsan the same unit tests under a sanitizer
#   make san             ASan and UBSan under unit tests, golden files, Flink's answers, and short fuzzing
#   make fuzz T=sql S=60 one fuzzer for S seconds
#   make diff-fuzz S=60  random queries: streaming, batch and SQLite must agree
#   make match-fuzz S=60 random patterns: MATCH_RECOGNIZE must find what its model finds
#   make restore-rounds R=1000  ops killed and restored at other parallelisms, so many rounds each (T: part of a case's name)
#   make chaos           jobs whose workers are killed (tests/chaos); ARGS="--rounds 20 --kills 5 tumble"
#   make chaos-faults ROUNDS=10 workers, coordinator and whole runs killed or stopped for a while, out of a SEED
#   make bench           Nexmark's queries, timed; make bench-exchange ARGS="...": one program, bench/exchange_bench.c
#   make operator-test   the operator and its replicas through a storm of faults of the API server
#   make k8s-test        the operator's client against a real API server (tests/cluster/README.md)
#   make e2e             the operator on a real one-node Kubernetes (tests/cluster/README.md)
#   make helm-check      the chart: lint, schema, rendered
#   make image           an OCI image of the programs in build/image
#   make services-test   against real S3 servers, HDFS and Kafka (make kafka-test: Kafka alone), which are downloaded and built
#   make fmt tidy hdr-check docs docs-check   form of the code; pages made from its tables
#   make install         below DESTDIR and PREFIX; make clean
#   make help            this list

B ?= build
CC ?= gcc
CXX ?= g++
OPT ?= -O2
SANITIZE ?=
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0
# V=1 shows the commands.
Q := $(if $(filter 1,$(V)),,@)

# The host compiler's cache where there is one.
ifneq ($(shell command -v ccache 2>/dev/null),)
CCACHE ?= ccache
endif

WARN := -Wall -Wextra -Werror -Wshadow -Wvla -Wno-unused-parameter -Wno-missing-field-initializers
CWARN := $(WARN) -Wmissing-prototypes -Wstrict-prototypes -Wno-pointer-sign
DEFS := -D_GNU_SOURCE -DPENSTOCK_VERSION='"$(VERSION)"'
CFLAGS_ALL = -std=gnu17 $(OPT) -g -fno-strict-aliasing -fno-omit-frame-pointer -I. -I$(B)/gen $(DEFS) $(CWARN) $(SANFLAGS) $(CFLAGS)
CXXFLAGS_ALL = -std=c++17 $(OPT) -g -fno-omit-frame-pointer -fno-exceptions -I. -I$(B)/gen $(DEFS) $(WARN) $(SANFLAGS) $(if $(SANFLAGS),-fno-sanitize=vptr) $(CXXFLAGS)
LDFLAGS_ALL = -g $(SANFLAGS) -Wl,--as-needed -pthread -rdynamic $(LDFLAGS)

ifneq ($(SANITIZE),)
SANFLAGS = -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-sanitize=vptr -DPENSTOCK_SANITIZE
# What gcc guesses about instrumented code is often wrong.
SANFLAGS += $(if $(findstring clang,$(CC)),,-Wno-maybe-uninitialized)
# An offset of 0 to NULL (an empty array's end), which clang alone minds; C++ and C2y define it.
SANFLAGS += $(if $(findstring clang,$(CC)),-fno-sanitize=pointer-overflow)
endif

# One static archive per folder, in link order: each may use those behind it (docs/layers.txt).
LAYERS := cli operator coordinator worker sql connector fs vector base
LIBS_SYS := -lrdkafka -lcurl -lssl -lcrypto -lcjson -lyaml -lpcre2-8 -lsimdjson -lzstd -llz4 -lz -lxxhash -lstdc++ -lm -ldl

# Sources of a layer: every .c and .cc below it but its program's main.
MAINS := cli/main.c coordinator/main.c worker/main.c operator/main.c
srcs_of = $(filter-out $(MAINS),$(shell find $(1) -name '*.c' -o -name '*.cc' 2>/dev/null | sort))
$(foreach l,$(LAYERS),$(eval SRCS_$(l) := $(call srcs_of,$(l))))
GEN_SQL := $(if $(wildcard sql/grammar.y),$(B)/gen/sql/grammar.c $(B)/gen/sql/lexer.c)
objs_of = $(patsubst %,$(B)/obj/%.o,$(1))
$(foreach l,$(LAYERS),$(eval OBJS_$(l) := $(call objs_of,$(SRCS_$(l)))))
OBJS_sql += $(patsubst $(B)/gen/%.c,$(B)/obj/gen/%.c.o,$(GEN_SQL))
ARCHIVES := $(foreach l,$(LAYERS),$(if $(OBJS_$(l)),$(B)/lib/lib$(l).a))

PROGRAMS := $(if $(wildcard cli/main.c),$(B)/bin/penstock) \
	$(if $(wildcard coordinator/main.c),$(B)/bin/penstock-coordinator) \
	$(if $(wildcard worker/main.c),$(B)/bin/penstock-worker) \
	$(if $(wildcard operator/main.c),$(B)/bin/penstock-operator)

.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: all
all: $(ARCHIVES) $(PROGRAMS)

# ---- packages ------------------------------------------------------------------------------
# `make demo` and `make test` install what is missing; every other goal only says what is.
DEPS_SETS := build $(if $(filter test san asan ubsan tsan%,$(MAKECMDGOALS)),test) $(if $(filter fuzz% san,$(MAKECMDGOALS)),fuzz)
DEPS_MODE := $(if $(filter demo test,$(MAKECMDGOALS)),install,check)
DEPS_STAMP := $(B)/deps-$(subst $(subst ,, ),-,$(strip $(DEPS_SETS))).ok
$(DEPS_STAMP): tools/deps
	@tools/deps $(DEPS_MODE) $(DEPS_SETS)
	@mkdir -p $(@D)
	@touch $@

# gcc vectorises loops of unknown length at -O3 only unless told so; clang does at -O2.
$(B)/obj/vector/%.c.o: KERNEL_CFLAGS = $(if $(findstring clang,$(CC)),,-fvect-cost-model=dynamic)

# Other flags or another compiler build everything anew.
FLAGS_NOW := $(CC) $(CXX) $(CFLAGS_ALL) $(CXXFLAGS_ALL)
$(B)/flags: FORCE
	@mkdir -p $(B)
	@echo "$(subst ",\",$(FLAGS_NOW))" | cmp -s - $@ || echo "$(subst ",\",$(FLAGS_NOW))" >$@
.PHONY: FORCE
FORCE:

# ---- compile -------------------------------------------------------------------------------
$(B)/obj/%.c.o: %.c $(B)/flags | $(DEPS_STAMP) gen
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CCACHE) $(CC) $(CFLAGS_ALL) $(KERNEL_CFLAGS) -MMD -MP -c $< -o $@
$(B)/obj/%.cc.o: %.cc $(B)/flags | $(DEPS_STAMP) gen
	@mkdir -p $(@D)
	@echo "  CXX  $<"
	$(Q)$(CCACHE) $(CXX) $(CXXFLAGS_ALL) -MMD -MP -c $< -o $@
# Generated code: bison's and flex's own warnings are theirs.
$(B)/obj/gen/%.c.o: $(B)/gen/%.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CCACHE) $(CC) $(CFLAGS_ALL) -Wno-error -w -MMD -MP -c $< -o $@

.PHONY: gen
gen: $(GEN_SQL)
$(B)/gen/sql/grammar.c $(B)/gen/sql/grammar.h &: sql/grammar.y | $(DEPS_STAMP)
	@mkdir -p $(@D)
	bison -Wall -Wno-yacc -Werror=conflicts-rr --defines=$(B)/gen/sql/grammar.h -o $(B)/gen/sql/grammar.c $<
$(B)/gen/sql/lexer.c $(B)/gen/sql/lexer.h &: sql/lexer.l $(B)/gen/sql/grammar.h
	@mkdir -p $(@D)
	flex --header-file=$(B)/gen/sql/lexer.h -o $(B)/gen/sql/lexer.c $<

# The CRDs' text is part of the programs (.incbin).
$(B)/obj/base/proto/crd_data.c.o: crds/penstock.dev_flinkjobs.yaml crds/penstock.dev_flinksnapshots.yaml

define archive_rule
$(B)/lib/lib$(1).a: $(OBJS_$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@echo "  AR   $$@"
	$(Q)ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(if $(OBJS_$(l)),$(eval $(call archive_rule,$(l)))))

# ---- programs ------------------------------------------------------------------------------
define program_rule
$(B)/bin/$(1): $(B)/obj/$(2)/main.c.o $(ARCHIVES)
	@mkdir -p $$(@D)
	@echo "  LINK $$@"
	$(Q)$(CC) $(LDFLAGS_ALL) $$< -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS_SYS) -o $$@
endef
$(eval $(call program_rule,penstock,cli))
$(eval $(call program_rule,penstock-coordinator,coordinator))
$(eval $(call program_rule,penstock-worker,worker))
$(eval $(call program_rule,penstock-operator,operator))

# ---- unit tests ----------------------------------------------------------------------------
# tests/unit/<path>_test.c mirrors <path>.c; each is one cmocka program.
TEST_SRCS := $(shell find tests/unit -name '*_test.c' 2>/dev/null | sort)
# librdkafka starts threads that TSan doesn't know (thrd_create).
TEST_SRCS := $(if $(findstring thread,$(SANITIZE)),$(filter-out tests/unit/connector/kafka/%,$(TEST_SRCS)),$(TEST_SRCS))
TEST_BINS := $(patsubst tests/unit/%_test.c,$(B)/test/%_test,$(TEST_SRCS))
TEST_SUPPORT := $(call objs_of,$(shell find tests/unit -name '*.c' ! -name '*_test.c' 2>/dev/null | sort))
$(B)/test/%_test: $(B)/obj/tests/unit/%_test.c.o $(TEST_SUPPORT) $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LINK $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $< $(TEST_SUPPORT) -Wl,--start-group $(ARCHIVES) -Wl,--end-group -lcmocka $(LIBS_SYS) -o $@

.PHONY: unit
unit: $(TEST_BINS) all fuzz-regress
	@tools/run_units $(TEST_BINS)
# The tests whose name begins with $(1); % goes through a variable because pattern rules replace it.
PCT := %
tests_of = $(filter $(B)/test/$(1)$(PCT),$(TEST_BINS))
.SECONDEXPANSION:
# One folder or file: make check T=base/core/json
.PHONY: check
check: $$(call tests_of,$$(T))
	@tools/run_units $^
check-%: $$(call tests_of,$$*)
	@tools/run_units $^

# The fake Kubernetes API server as a program, for tests of the operator as a process; and the client
# against a real one: not part of `make test`, its binaries are built once per user.
$(B)/test/fake_api: $(B)/obj/tests/operator/fake_api.c.o $(TEST_SUPPORT) $(ARCHIVES)
$(B)/test/k8s_real_check: $(B)/obj/tests/operator/real_check.c.o $(TEST_SUPPORT) $(ARCHIVES)
$(B)/test/fake_api $(B)/test/k8s_real_check:
	@mkdir -p $(@D)
	@echo "  LINK $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $< $(TEST_SUPPORT) -Wl,--start-group $(ARCHIVES) -Wl,--end-group -lcmocka $(LIBS_SYS) -o $@
.PHONY: k8s-test operator-test
operator-test: all $(B)/test/fake_api
	tests/operator/faults.py --bin $(B)/bin --fake $(B)/test/fake_api $(ARGS)
k8s-test: $(B)/test/k8s_real_check
	tests/operator/real.py --check $(B)/test/k8s_real_check

# ---- services: real S3 servers and HDFS (tests/services/README.md); not part of `make test`: they are downloaded and built ----
.PHONY: services-test
$(B)/services/%_check: $(B)/obj/tests/services/%_check.c.o $(TEST_SUPPORT) $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LINK $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $< $(TEST_SUPPORT) -Wl,--start-group $(ARCHIVES) -Wl,--end-group -lcmocka $(LIBS_SYS) -o $@
services-test: kafka-test
services-test: all $(B)/services/stores_check
	tests/services/run.py --bin $(B)/bin --check $(B)/services/stores_check $(ARGS)

# The kafka connectors against a real broker.
.PHONY: kafka-test bench-kafka
kafka-test: all $(B)/services/kafka_check
	tests/services/kafka_run.py --bin $(B)/bin --check $(B)/services/kafka_check $(ARGS)
bench-kafka: all
	bench/kafka/run.py --bin $(B)/bin $(ARGS)

# ---- Kubernetes: operator, image, chart (docs/operator.md) ----
.PHONY: helm helm-check image e2e
helm:
	cp crds/*.yaml helm/penstock/files/
helm-check: all
	tests/cluster/chart.py
image: all
	deploy/pack $(ARGS)
# On a real one-node Kubernetes, which is built from source once per user; not part of `make test`.
e2e: all
	tools/deps install cluster
	tests/cluster/e2e.py --bin $(B)/bin $(ARGS)

# ---- demo ----------------------------------------------------------------------------------
.PHONY: demo
demo: all
	@mkdir -p build/demo
	@rm -rf build/demo/delays
	@echo "Running examples/flights/job.yaml: New York's 336,776 departures of 2013, by airport and hour, with the weather."
	@$(B)/bin/penstock run examples/flights/job.yaml --progress always --usage
	@echo
	@echo "The results are in build/demo/delays. The ten worst hours (hour, airport, departures, cancelled, mean delay,"
	@echo "worst delay, over one hour late, temperature, wind, rain, visibility):"
	@echo
	@cat build/demo/delays/part-* | sort -t, -k5,5gr | head
	@echo
	@echo "Look at more:   cat build/demo/delays/part-*"
	@echo "The plan:       $(B)/bin/penstock plan examples/flights/job.yaml"
	@echo "Your own SQL:   $(B)/bin/penstock run -e \"SELECT 'hello', CURRENT_TIMESTAMP\""

# ---- tests ---------------------------------------------------------------------------------
# What a change must pass: unit tests, golden files, Flink's answers, checks of form.
.PHONY: test golden oracle processes nexmark nexmark-quick
test: unit golden oracle processes nexmark-quick tidy docs-check
	@echo "all tests passed"
golden: all udf-libs
	tests/sql/run.py --bin $(B)/bin
	$(B)/bin/penstock run examples/udf-c/job.sql --set penstock.udf.path=$(B)/test/udf >/dev/null
processes: all
	tests/processes/run.py --bin $(B)/bin
.PHONY: chaos chaos-faults
chaos: all
	tests/chaos/run.py --bin $(B)/bin $(ARGS)
ROUNDS ?= 10
chaos-faults: all
	tests/chaos/faults.py --bin $(B)/bin --rounds $(ROUNDS) --first $(or $(SEED),1)
oracle: all
	tests/oracle/run.py --bin $(B)/bin --known tests/oracle/known_failures expressions
	tests/oracle/run.py --bin $(B)/bin --known tests/oracle/known_failures errors
	tests/oracle/run.py --bin $(B)/bin --known tests/oracle/known_failures queries
	tests/oracle/run.py --bin $(B)/bin --known tests/oracle/known_failures --known tests/oracle/order_dependent \
		--parallelism 3 queries

# Flink's answers to Nexmark: at every batch size, parallelism and mode, or at some.
nexmark: all udf-libs
	tests/nexmark/run.py --bin $(B)/bin $(T)
nexmark-quick: all udf-libs
	tests/nexmark/run.py --bin $(B)/bin --quick

# Libraries of user-defined functions that tests call: the example in C, one of oddities, and the
# example in Rust where there is rustc.
UDF_LIBS := $(B)/test/udf/libtext.so $(B)/test/udf/libodd.so $(if $(shell command -v rustc 2>/dev/null),$(B)/test/udf/libnumbers.so)
.PHONY: udf-libs
udf-libs: $(UDF_LIBS)
$(B)/test/udf/libtext.so: examples/udf-c/text.c
$(B)/test/udf/libodd.so: tests/udf/odd.c
$(B)/test/udf/libtext.so $(B)/test/udf/libodd.so: examples/udf-c/arrow_build.h include/penstock/udf.h | $(DEPS_STAMP)
	@mkdir -p $(@D)
	@echo "  CC   $@"
	$(Q)$(CC) -O3 -g -Wall -Wextra -Wno-unused-parameter -fPIC -shared -fvisibility=hidden -I. -Iinclude $(filter %.c,$^) -o $@
$(B)/test/udf/libnumbers.so: examples/udf-rust/src/lib.rs examples/udf-rust/src/penstock.rs
	@mkdir -p $(@D)
	@echo "  RUSTC $@"
	$(Q)MAKEFLAGS= rustc --edition 2021 --crate-type cdylib -O -D warnings --crate-name numbers $< -o $@

# ---- sanitizers: make asan|ubsan|tsan [T=base] ------------------------------------------------
.PHONY: asan ubsan tsan
UNDER = $(MAKE) --no-print-directory $(if $(T),check T=$(T),unit)
export ASAN_OPTIONS ?= detect_stack_use_after_return=1:strict_string_checks=1:detect_leaks=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS ?= halt_on_error=1:second_deadlock_stack=1
asan:
	UNIT_TIMEOUT_S=900 $(UNDER) B=build/asan SANITIZE=address OPT=-O1
ubsan:
	UNIT_TIMEOUT_S=900 $(UNDER) B=build/ubsan SANITIZE=undefined OPT=-O1
tsan:
	UNIT_TIMEOUT_S=900 $(UNDER) B=build/tsan SANITIZE=thread OPT=-O1

# ---- fuzzers: tests/fuzz/NAME_fuzz.c, corpus in tests/fuzz/corpus/NAME ---------------------------
# make fuzz T=json S=60; make fuzz-all S=60; make fuzz-regress replays the corpora, without clang.
# What a run finds stays in build/fuzz: inputs in corpus/NAME, crashes in artifacts/.
S ?= 60
FUZZERS := $(patsubst tests/fuzz/%_fuzz.c,%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
FUZZ_MAKE = $(MAKE) --no-print-directory B=build/fuzz CC=clang CXX=clang++ OPT=-O1 \
	SANITIZE=fuzzer-no-link,address,undefined CFLAGS=-Wno-error CXXFLAGS=-Wno-error
.PHONY: fuzz fuzz-all fuzz-fixed fuzz-regress
$(B)/fuzz/%_fuzz: $(B)/obj/tests/fuzz/%_fuzz.c.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LINK $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer $< -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS_SYS) -o $@
fuzz:
	@[ -n "$(filter $(T),$(FUZZERS))" ] || { echo "make fuzz T=NAME; there are: $(FUZZERS)"; exit 1; }
	@$(FUZZ_MAKE) build/fuzz/fuzz/$(T)_fuzz
	@mkdir -p build/fuzz/corpus/$(T) build/fuzz/artifacts
	build/fuzz/fuzz/$(T)_fuzz -max_total_time=$(S) -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
		-print_final_stats=1 -artifact_prefix=build/fuzz/artifacts/$(T)- \
		$(addprefix -dict=,$(wildcard tests/fuzz/$(T).dict)) build/fuzz/corpus/$(T) tests/fuzz/corpus/$(T)
fuzz-all:
	@set -e; for t in $(FUZZERS); do echo "== $$t"; $(MAKE) --no-print-directory fuzz T=$$t S=$(S); done
# So many inputs from a fixed seed, the same on every machine: tests/fuzz/runs, about a minute each.
fuzz-fixed:
	@$(FUZZ_MAKE) $(patsubst %,build/fuzz/fuzz/%_fuzz,$(FUZZERS))
	@rm -rf build/fuzz/fixed; mkdir -p build/fuzz/artifacts
	@set -e; for t in $(FUZZERS); do \
		mkdir -p build/fuzz/fixed/$$t; \
		dict=; [ ! -f tests/fuzz/$$t.dict ] || dict=-dict=tests/fuzz/$$t.dict; \
		runs=$$(awk -v t=$$t '$$1 == t { print $$2 }' tests/fuzz/runs); \
		[ -n "$$runs" ] || { echo "tests/fuzz/runs has no line for $$t"; exit 1; }; \
		echo "fuzz $$t, $$runs inputs"; \
		build/fuzz/fuzz/$${t}_fuzz -runs=$$runs -seed=1 -max_len=4096 -timeout=60 -rss_limit_mb=2048 -verbosity=0 \
			-artifact_prefix=build/fuzz/artifacts/$$t- $$dict build/fuzz/fixed/$$t tests/fuzz/corpus/$$t \
			>build/fuzz/fixed/$$t.log 2>&1 || { tail -n 60 build/fuzz/fixed/$$t.log; exit 1; }; \
	done
# Random queries: streaming against batch against SQLite.
SEED ?= 1
.PHONY: diff-fuzz
diff-fuzz: all
	tests/fuzz/diff/run.py --bin $(B)/bin --seconds $(S) --seed $(SEED)
.PHONY: match-fuzz
match-fuzz: all
	tests/fuzz/match/run.py --bin $(B)/bin --seconds $(S) --seed $(SEED)
R ?= 1000
.PHONY: restore-rounds
restore-rounds: $(B)/test/worker/op_restore_test
	RESTORE_ROUNDS=$(R) RESTORE_SEED=$(SEED) $(if $(T),RESTORE_CASE='$(T)') $<
FUZZ_REPLAYS := $(patsubst %,$(B)/fuzz-regress/%,$(FUZZERS))
$(B)/fuzz-regress/%: $(B)/obj/tests/fuzz/%_fuzz.c.o $(B)/obj/tests/fuzz/replay.c.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LINK $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $< $(B)/obj/tests/fuzz/replay.c.o -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS_SYS) -o $@
fuzz-regress: $(FUZZ_REPLAYS)
	@set -e; for t in $(FUZZERS); do $(B)/fuzz-regress/$$t tests/fuzz/corpus/$$t; done

# ---- everything under sanitizers, for .ci/run ----------------------------------------------------
# One build, the fuzzers', for ASan and UBSan. Processes of a run say what they find in build/fuzz/reports: nobody
# asks for a worker's exit status. TSan has a build of its own, and runs where there are threads.
SAN_REPORTS := build/fuzz/reports
TSAN_PARTS := base worker coordinator connector
.PHONY: san san-runs tsan-parts
san:
	UNIT_TIMEOUT_S=900 $(FUZZ_MAKE) unit
	@rm -rf $(SAN_REPORTS); mkdir -p $(SAN_REPORTS)
	ASAN_OPTIONS=$(ASAN_OPTIONS):log_path=$(CURDIR)/$(SAN_REPORTS)/asan UBSAN_OPTIONS=$(UBSAN_OPTIONS):log_path=$(CURDIR)/$(SAN_REPORTS)/ubsan \
		$(FUZZ_MAKE) san-runs
	@[ -z "$$(ls $(SAN_REPORTS))" ] || { cat $(SAN_REPORTS)/*; exit 1; }
	@$(MAKE) --no-print-directory fuzz-fixed
san-runs: all udf-libs
	tests/sql/run.py --bin $(B)/bin --quick
	tests/oracle/run.py --bin $(B)/bin --known tests/oracle/known_failures --quiet errors
	tests/oracle/run.py --bin $(B)/bin --known tests/oracle/known_failures --quiet queries
	tests/oracle/run.py --bin $(B)/bin --known tests/oracle/known_failures --quiet expressions
tsan-parts:
	@set -e; for t in $(TSAN_PARTS); do $(MAKE) --no-print-directory tsan T=$$t; done

# ---- pages made from tables in the code ---------------------------------------------------------
DOC_PAGES := connectors filesystem-options flinkjob functions metrics settings
.PHONY: docs docs-check
$(B)/tools/gen_docs: $(B)/obj/tools/gen_docs.c.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LINK $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $< -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS_SYS) -o $@
docs: $(B)/tools/gen_docs
	@set -e; for p in $(DOC_PAGES); do $< $$p >$(B)/tools/$$p.md; cp $(B)/tools/$$p.md docs/$$p.md; done
docs-check: $(B)/tools/gen_docs $(B)/bin/penstock
	@for f in crds/*.yaml; do cmp $$f helm/penstock/files/$$(basename $$f) || { echo "helm/penstock/files is out of date: make helm"; exit 1; }; done
	@for f in deploy/samples/*.yaml; do $(B)/bin/penstock validate $$f >/dev/null || exit 1; done
	@sed -n '/^```sql/,/^```/{/^```/!p}' docs/quick-start.md >$(B)/tools/quick-start.sql
	@$(B)/bin/penstock validate $(B)/tools/quick-start.sql
	@set -e; for p in $(DOC_PAGES); do $< $$p | diff -u docs/$$p.md - || { echo "docs/$$p.md is out of date: make docs"; exit 1; }; done
# ---- benchmarks ----------------------------------------------------------------------------
# make bench [T=q5]: Nexmark's queries, beside Flink's figures and the programs of bench/limit; bench-json: the same on JSON
# lines from disk. Figures also go to $(B)/bench/*.json. make bench-NAME ARGS='...': one program, bench/NAME_bench.c.
.PHONY: bench bench-json bench-latency
LIMITS := $(patsubst bench/limit/%.c,$(B)/bench/limit/%,$(wildcard bench/limit/q*.c))
$(B)/bench/limit/%: $(B)/obj/bench/limit/%.c.o $(B)/obj/bench/limit/limit.c.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LINK $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $< $(B)/obj/bench/limit/limit.c.o -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS_SYS) -o $@
bench: all udf-libs $(LIMITS)
	bench/nexmark/run.py --bin $(B)/bin --limit $(B)/bench/limit --source both --out $(B)/bench/nexmark.json $(ARGS) $(T)
bench-json: all udf-libs
	bench/nexmark/run.py --bin $(B)/bin --source json --out $(B)/bench/nexmark-json.json $(ARGS) $(T)
# Latency percentiles of q0 and q5 at fixed rates.
bench-latency: all udf-libs
	bench/nexmark/latency.py --bin $(B)/bin --out $(B)/bench/nexmark-latency.json $(ARGS) $(T)
$(B)/bench/%_bench: $(B)/obj/bench/%_bench.c.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LINK $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $< -Wl,--start-group $(ARCHIVES) -Wl,--end-group -lcmocka $(LIBS_SYS) -o $@
bench-%: $(B)/bench/%_bench
	$< $(ARGS)

# ---- install -------------------------------------------------------------------------------
.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/doc/penstock
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -d $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	install -d $(DESTDIR)$(PREFIX)/include/penstock
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 include/penstock/udf.h $(DESTDIR)$(PREFIX)/include/penstock
	$(B)/bin/penstock completion man >$(DESTDIR)$(PREFIX)/share/man/man1/penstock.1
	$(B)/bin/penstock completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/penstock
	$(B)/bin/penstock completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/penstock.fish
	$(B)/bin/penstock completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_penstock
	install -m 644 README.md docs/*.md $(DESTDIR)$(PREFIX)/share/doc/penstock
	install -m 644 crds/*.yaml $(DESTDIR)$(PREFIX)/share/doc/penstock

# ---- checks of form ------------------------------------------------------------------------
.PHONY: fmt fmt-check tidy hdr-check
C_FILES := $(shell git ls-files '*.c' '*.h' '*.cc' 2>/dev/null)
fmt:
	clang-format -i $(C_FILES)
fmt-check:
	clang-format --dry-run -Werror $(C_FILES)
tidy:
	tools/tidy
HDRS := $(filter %.h,$(C_FILES))
hdr-check: gen
	@set -e; for h in $(HDRS); do $(CC) $(CFLAGS_ALL) -Iinclude -fsyntax-only -x c $$h -Wno-unused || { echo "$$h does not compile alone"; exit 1; }; done

.PHONY: help clean
help:
	@sed -n '3,/^$$/s/^#   //p' Makefile
clean:
	rm -rf $(B)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
