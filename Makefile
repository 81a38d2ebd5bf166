# sdtmill - one non-recursive Makefile (GNU make). `make help` lists the targets.
# Objects lie in build/$(V)/, so variants never mix: release debug asan tsan cov werror fuzz.
V        ?= release
B        := build/$(V)
PKG      ?= pkg-config
prefix   ?= /usr/local
bindir   ?= $(prefix)/bin
datadir  ?= $(prefix)/share
mandir   ?= $(datadir)/man
DESTDIR  ?=
VERSION  := $(shell cat VERSION)
NPROC    := $(shell nproc 2>/dev/null || echo 2)
# A job count for the makes started below, unless the caller chose one.
JOBS      = $(if $(findstring -j,$(MAKEFLAGS))$(findstring --jobserver,$(MAKEFLAGS)),,-j$(NPROC))
SUBMAKE   = +@$(MAKE) $(JOBS) --no-print-directory

# One short line a step; VERBOSE=1 shows the commands.
Q        := $(if $(VERBOSE),,@)
say       = $(if $(VERBOSE),,@echo '  $(1) $@')

ifeq ($(origin CC),default)
CC       := gcc
endif
ifeq ($(V),fuzz)
CC       := clang
endif

# ---- packages (Debian 12) ------------------------------------------------
PKG_BUILD := build-essential pkg-config libxml2-dev libcsv-dev zlib1g-dev libreadstat-dev \
             libpcre2-dev libgmp-dev libjansson-dev libxxhash-dev libssl-dev
PKG_TEST  := libcmocka-dev libxml2-utils readstat python3 python3-jsonschema
PKG_LINT  := clang clang-tidy clang-format cppcheck valgrind groff mandoc libclang-rt-14-dev \
             universal-ctags trang

# ---- flags ---------------------------------------------------------------
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
        -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
        -Wvla -Wwrite-strings -Wcast-qual -Wpointer-arith -Wundef -Wformat=2 \
        -Wdouble-promotion -Wnull-dereference -Wimplicit-fallthrough
# What gcc no longer sees rightly in instrumented code; the other variants keep these warnings.
BLIND       := -Wno-maybe-uninitialized -Wno-null-dereference
OPT_release := -O2 -g
OPT_debug   := -O0 -g3 -DSM_DEBUG=1
OPT_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
               -fno-sanitize-recover=all -DSM_DEBUG=1 $(BLIND)
OPT_tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread -DSM_DEBUG=1 $(BLIND)
OPT_cov     := -O0 -g --coverage -fprofile-update=atomic -DSM_DEBUG=1
OPT_werror  := -O2 -g -Werror
OPT_fuzz    := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
               -fno-sanitize-recover=all -DSM_DEBUG=1
ifeq ($(OPT_$(V)),)
$(error unknown variant V=$(V); there are release debug asan tsan cov werror fuzz)
endif

XML_CFLAGS := $(patsubst -I%,-isystem %,$(shell $(PKG) --cflags libxml-2.0 2>/dev/null \
                || echo -I/usr/include/libxml2))
LIBS := -lxml2 -lcsv -lz -lreadstat -lpcre2-8 -lgmp -ljansson -lxxhash -lcrypto -lpthread -lm

CPPFLAGS_ALL := -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -Iinclude -Isrc $(XML_CFLAGS) \
                $(CPPFLAGS)
TEST_CPPFLAGS := -Itests/support
ID_CPPFLAGS  := -DSM_VERSION='"$(VERSION)"' -DSM_SHAREDIR='"$(datadir)/sdtmill"'
CFLAGS_ALL   := -std=c17 $(WARN) $(OPT_$(V)) $(CFLAGS)
LDFLAGS_ALL  := $(filter -fsanitize=% --coverage,$(OPT_$(V))) $(LDFLAGS)

# ---- files ---------------------------------------------------------------
SRC   := $(sort $(wildcard src/*/*.c))
HDR   := $(sort $(wildcard include/sdtmill/*.h src/*/*.h))
MAIN  := src/cmd/main.c
LIBO  := $(patsubst %.c,$(B)/%.o,$(filter-out $(MAIN),$(SRC)))
MAINO := $(MAIN:%.c=$(B)/%.o)
LIBA  := $(B)/libsdtmill.a
BIN   := $(B)/sdtmill
TSRC  := $(sort $(wildcard tests/unit/test_*.c tests/prop/prop_*.c))
TBIN  := $(TSRC:%.c=$(B)/%)
FSRC  := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FREG  := $(FSRC:%.c=$(B)/%.reg)
ALLC  := $(SRC) $(TSRC) $(FSRC) tests/fuzz/standalone.c
ALLO  := $(ALLC:%.c=$(B)/%.o)
# Only these see the version and the installed place: changing `prefix` recompiles no other file.
IDO   := $(patsubst %.c,$(B)/%.o,$(if $(SRC),$(shell grep -l -e SM_VERSION -e SM_SHAREDIR $(SRC))))

.PHONY: all help setup setup-lint demo test check sanitize coverage valgrind lint fuzz bench \
        bench-quick format install uninstall dist clean print-config objects FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BIN)

help:
	@printf '%s\n' \
	  'make                build $(BIN)    (V=debug|asan|tsan|cov for another variant)' \
	  'make setup          install the Debian packages needed to build and test' \
	  'make setup-lint     the same, and those of lint, fuzz and valgrind' \
	  'make demo           convert the study in fixtures/ and say where the datasets are' \
	  'make test           unit, property, golden, fuzz-corpus and study tests' \
	  'make lint           layering, headers, manuals, warnings, clang-tidy, cppcheck' \
	  'make sanitize       the tests under ASan and UBSan, then under TSan' \
	  'make coverage       line coverage per file; fails below MIN=85' \
	  'make valgrind       unit, property and golden tests under memcheck' \
	  'make fuzz T=x S=60  fuzz target tests/fuzz/fuzz_x.c for 60 seconds' \
	  'make bench          benchmark; bench-quick: a small one' \
	  'make install        into DESTDIR and prefix ($(prefix)); make uninstall' \
	  'make format dist clean print-config'

# ---- build ---------------------------------------------------------------
# The stamps change only when the flags do, and then everything built with them is stale.
$(B)/flags: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL)' >$@.new; \
	  cmp -s $@ $@.new && rm -f $@.new || mv $@.new $@
$(B)/flags-id: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(VERSION) $(datadir)' >$@.new; \
	  cmp -s $@ $@.new && rm -f $@.new || mv $@.new $@

$(IDO): $(B)/flags-id
$(IDO): EXTRA_CPPFLAGS := $(ID_CPPFLAGS)
$(B)/tests/%.o: EXTRA_CPPFLAGS := $(TEST_CPPFLAGS)
$(B)/%.o: %.c $(B)/flags
	$(call say,CC  )
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(EXTRA_CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(LIBA): $(LIBO)
	$(call say,AR  )
	@rm -f $@
	$(Q)$(AR) rcs $@ $(LIBO)
$(BIN): $(MAINO) $(LIBA)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(MAINO) $(LIBA) $(LIBS)
$(B)/tests/fuzz/%.reg: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/standalone.o $(LIBA)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(B)/tests/fuzz/%.fz: $(B)/tests/fuzz/%.o $(LIBA)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(LIBS)
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(LIBA)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $< $(LIBA) -lcmocka $(LIBS)
$(B)/tests/prop/%: $(B)/tests/prop/%.o $(LIBA)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $< $(LIBA) -lcmocka $(LIBS)
objects: $(ALLO)
-include $(ALLO:.o=.d)

# ---- packages, demo ------------------------------------------------------
setup:
	@tests/support/setup.sh $(PKG_BUILD) $(PKG_TEST)
setup-lint:
	@tests/support/setup.sh $(PKG_BUILD) $(PKG_TEST) $(PKG_LINT)

# Exit 1 of `convert` means: done, and there are findings. This study has some on purpose.
demo: setup
	$(SUBMAKE) $(BIN)
	$(BIN) convert mappings/re223/study.xml --raw fixtures/re223/raw -o build/demo --format csv,xml \
	  || test $$? = 1
	@test -d build/demo || { echo 'demo: nothing was written'; exit 1; }; echo; echo 'The datasets and all that was said about them are in build/demo:'; \
	  find build/demo -mindepth 1 -maxdepth 1 | LC_ALL=C sort | sed 's/^/  /'

# ---- tests ---------------------------------------------------------------
KINDS := unit prop golden fuzz study
test: setup
	$(SUBMAKE) check
check: $(BIN) $(if $(filter unit prop,$(KINDS)),$(TBIN)) $(if $(filter fuzz,$(KINDS)),$(FREG))
	@$(if $(filter asan tsan cov,$(V)),KILLS=20 SHORT=1 )tests/check/suite.sh $(B) $(KINDS)
# What runs in one thread has nothing to show under TSan.
ONE_THREAD := prop_(compare|dtc|dtc_vectors|load_samples|map|num|read|roundtrip|split)|60-verify|61-formats|70-completions|80-docs
sanitize: setup
	+@rm -f build/asan/log/total build/tsan/log/total; rc=0; more=' fuzz fault'; \
	for v in asan tsan; do echo "== $$v"; \
	  $(MAKE) $(JOBS) --no-print-directory V=$$v KINDS="unit prop golden study$$more" check || rc=1; \
	  more= SKIP='$(ONE_THREAD)'; export SKIP; done; \
	tests/check/total.sh build/asan/log/total build/tsan/log/total; exit $$rc
valgrind: setup-lint
	+@WRAP='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,possible' \
	  TEST_TIMEOUT=1800 $(MAKE) $(JOBS) --no-print-directory V=debug KINDS='unit prop golden memory' check
coverage: setup
	@if [ -d build/cov ]; then find build/cov -name '*.gcda' -delete; fi
	$(SUBMAKE) V=cov KINDS='$(KINDS) shared' check
	@tests/check/coverage.sh build/cov $(or $(MIN),85)
fuzz:
	@test -n '$(T)' || { echo 'usage: make fuzz T=name [S=seconds]; names:' \
	  $(patsubst tests/fuzz/fuzz_%.c,%,$(FSRC)); exit 2; }
	$(SUBMAKE) V=fuzz build/fuzz/tests/fuzz/fuzz_$(T).fz
	@mkdir -p build/fuzz/corpus/$(T) tests/fuzz/corpus/$(T)
	build/fuzz/tests/fuzz/fuzz_$(T).fz -max_total_time=$(or $(S),60) -timeout=20 -rss_limit_mb=2048 \
	  -artifact_prefix=build/fuzz/$(T)- build/fuzz/corpus/$(T) tests/fuzz/corpus/$(T)
bench bench-quick: all
	@if [ -x tests/bench/run.sh ]; then \
	  SDTMILL=$(abspath $(BIN)) tests/bench/run.sh $(if $(findstring quick,$@),quick,full); \
	else echo 'no benchmark in this tree'; fi

# ---- lint ----------------------------------------------------------------
GATES := headers layers sizes style stray docs schema gcc clang tidy cppcheck
.PHONY: $(GATES:%=lint-%)
lint: setup-lint
	+@p=0; f=0; for g in $(GATES); do \
	  if $(MAKE) $(JOBS) -k --no-print-directory -s V=werror lint-$$g; \
	  then echo "ok   lint $$g"; p=$$((p + 1)); \
	  else echo "FAIL lint $$g"; f=$$((f + 1)); fi; done; \
	echo "$$p passed, $$f failed"; test $$f = 0

lint-headers: $(HDR:%=build/lint/%.alone)
build/lint/%.alone: % $(HDR) $(wildcard include/sdtmill/*.def)
	@mkdir -p $(@D)
	@printf '#include "%s"\nextern int sm_alone;\n' '$(<:include/%=%)' | \
	  $(CC) $(CPPFLAGS_ALL) -I. $(ID_CPPFLAGS) -std=c17 $(WARN) -Werror -fsyntax-only -x c -
	@touch $@
lint-layers:
	@awk -f tests/check/layers.awk $(SRC) $(HDR)
lint-sizes:
	@tests/check/size.sh 500 60
lint-style:
	@tests/check/style.sh
lint-stray:
	@tests/check/stray.sh
lint-docs:
	$(SUBMAKE) V=release build/release/sdtmill || \
	  echo 'docs: the program does not build; only the manuals themselves are looked at'
	@tests/check/docs.sh build/release/sdtmill
lint-schema:
	@tests/check/schema.sh
lint-gcc: objects
# These two hang on the object, which hangs on every header the source reads.
CHECKED_BY = @mkdir -p $(@D); echo "$(1) $*.c"
lint-clang: $(ALLC:%.c=build/lint/%.clang)
build/lint/%.clang: $(B)/%.o
	$(call CHECKED_BY,clang)
	@clang $(CPPFLAGS_ALL) $(EXTRA_CPPFLAGS) -std=c17 $(WARN) -Werror -fsyntax-only $*.c
	@touch $@
build/lint/tests/%.clang: EXTRA_CPPFLAGS := $(TEST_CPPFLAGS)
$(IDO:$(B)/%.o=build/lint/%.clang) $(IDO:$(B)/%.o=build/tidy/%.ok): EXTRA_CPPFLAGS := $(ID_CPPFLAGS)
lint-tidy: $(SRC:%.c=build/tidy/%.ok)
# What tests/check/analyzer.h needs: read first, so no ban of functions before the system's headers.
TIDYFLAGS := $(WARN) -D_GNU_SOURCE= -DSDTMILL_BANNED_H -include tests/check/analyzer.h
build/tidy/src/base/err.ok: EXTRA_CPPFLAGS := -DSM_CHECKS_ERR_ITSELF
build/tidy/%.ok: $(B)/%.o .clang-tidy tests/check/analyzer.h
	$(call CHECKED_BY,clang-tidy)
	@clang-tidy --quiet $*.c -- -std=c17 $(CPPFLAGS_ALL) $(EXTRA_CPPFLAGS) $(TIDYFLAGS) 2>$@.err || \
	  { grep -v 'warnings\? generated' $@.err; exit 1; }
	@touch $@
# The two named suppressions are wrong about compound literals and about arrays filled in a callee; the
# compilers and clang-tidy look for the same faults.
lint-cppcheck:
	@mkdir -p build/cppcheck
	@cppcheck --quiet -j$(NPROC) --std=c11 --enable=warning,performance,portability \
	  --inline-suppr --error-exitcode=1 --cppcheck-build-dir=build/cppcheck \
	  --suppress=missingIncludeSystem --suppress=unknownEvaluationOrder --suppress=ctuuninitvar -D_POSIX_C_SOURCE=200809L $(ID_CPPFLAGS) -Iinclude -Isrc src
format:
	@clang-format -i $(ALLC) $(HDR) $(wildcard tests/support/*.h)

# ---- install -------------------------------------------------------------
install: all
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(datadir)/sdtmill
	install -m 755 $(BIN) $(DESTDIR)$(bindir)/sdtmill
	@find mappings -type f ! -name '.*' | while read -r f; do \
	  install -D -m 644 "$$f" "$(DESTDIR)$(datadir)/sdtmill/$$f" || exit 1; done
	@for m in man/*.[1-9]; do if [ -e "$$m" ]; then \
	  install -D -m 644 "$$m" "$(DESTDIR)$(mandir)/man$${m##*.}/$${m##*/}" || exit 1; fi; done
	@for s in bash:bash-completion/completions/sdtmill zsh:zsh/site-functions/_sdtmill \
	    fish:fish/vendor_completions.d/sdtmill.fish; do \
	  if $(BIN) completions $${s%%:*} >$(B)/completion 2>/dev/null && [ -s $(B)/completion ]; then \
	    install -D -m 644 $(B)/completion "$(DESTDIR)$(datadir)/$${s#*:}" || exit 1; fi; done
	@echo 'installed in $(DESTDIR)$(prefix)'
uninstall:
	rm -f $(DESTDIR)$(bindir)/sdtmill $(DESTDIR)$(datadir)/bash-completion/completions/sdtmill \
	  $(DESTDIR)$(datadir)/zsh/site-functions/_sdtmill \
	  $(DESTDIR)$(datadir)/fish/vendor_completions.d/sdtmill.fish \
	  $(foreach m,$(wildcard man/*.[1-9]),$(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))
	rm -rf $(DESTDIR)$(datadir)/sdtmill
dist:
	@mkdir -p build
	git archive --prefix=sdtmill-$(VERSION)/ -o build/sdtmill-$(VERSION).tar.gz HEAD
clean:
	rm -rf build
print-config:
	@printf '%s\n' 'V=$(V)' 'CC=$(CC)' 'CPPFLAGS=$(CPPFLAGS_ALL)' 'CFLAGS=$(CFLAGS_ALL)' \
	  'LDFLAGS=$(LDFLAGS_ALL)' 'LIBS=$(LIBS)' 'prefix=$(prefix)'
