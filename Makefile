# Pewter. `make help` lists the targets; `make V=1` shows the commands; variables may be given on
# the command line: CC, CFLAGS, LDFLAGS, MODE (release asan tsan fuzz cover), B (build folder).

ifeq ($(origin CC),default)
CC      := gcc
endif
AR      ?= ar
OBJCOPY ?= objcopy
INSTALL ?= install
PKG_CONFIG ?= pkg-config
MODE     = release
B        = build/$(MODE)
Q        = $(if $(V),,@)

VERSION  := $(shell sed -n 's/^.define PEWTER_VERSION "\(.*\)"/\1/p' include/pewter.h)
SOVERSION = 0

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
LIBDIR  ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DOCDIR  ?= $(PREFIX)/share/doc/pewter

# ---- Flags ---------------------------------------------------------------------------------------

machine  := $(shell $(CC) -dumpmachine 2>/dev/null)
compiler := $(shell $(CC) -dumpversion 2>/dev/null)
clang    := $(findstring clang,$(shell $(CC) --version 2>/dev/null))
ARCH     := $(firstword $(subst -, ,$(machine)))

# Warnings are errors with the two compilers that every change is checked with; others may know
# warnings that nobody here has seen yet.
WERROR  ?= $(filter 12 12.% 14.0.%,$(compiler))

warnings = -pedantic -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
  -Wmissing-prototypes -Wvla -Wcast-qual -Wundef -Wdouble-promotion -Wpointer-arith \
  -Wwrite-strings -Wformat=2 -Wimplicit-fallthrough -Wnull-dereference -Wswitch-enum \
  $(if $(WERROR),-Werror)

sanitize_address = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
mode_release = -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(hardening)
mode_asan    = -O1 -g $(sanitize_address)
# gcc follows no value through what ThreadSanitizer puts in.
mode_tsan    = -O1 -g -fsanitize=thread -fno-omit-frame-pointer $(if $(clang),,-Wno-maybe-uninitialized)
mode_fuzz    = -O1 -g $(sanitize_address) -fsanitize=fuzzer-no-link
mode_cover   = -O0 -g --coverage

hardening = -fstack-clash-protection $(if $(filter x86_64,$(ARCH)),-fcf-protection=full)

# Locals start at zero, except in kernels, where it costs.
zero_init = $(if $(clang),,$(if $(filter release,$(MODE)),-ftrivial-auto-var-init=zero))

packages = hwloc libpcre2-8 libutf8proc jansson
# Asked once, at the first use.
from_pkg = $(eval $1 := $$(shell $(PKG_CONFIG) $2 2>/dev/null))$($1)
packages_cflags = $(call from_pkg,packages_cflags,--cflags $(packages))
packages_libs   = $(call from_pkg,packages_libs,--libs $(packages))
tool_packages   = libedit libmicrohttpd gnutls
tool_libs       = $(call from_pkg,tool_libs,--libs $(tool_packages))

flags = -std=c17 -D_GNU_SOURCE -I. -Iinclude $(warnings) $(mode_$(MODE)) -fPIC -pthread \
  -fvisibility=hidden -fstack-protector-strong -ffp-contract=off -fno-math-errno \
  $(packages_cflags) $(if $(FAULT),-DPW_FAULT='"$(FAULT)"') $(CPPFLAGS) $(CFLAGS) $(EXTRA_CFLAGS)
LDLIBS   = $(packages_libs) -lm -pthread
link     = $(CC) $(mode_$(MODE)) $(CFLAGS) -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(LDFLAGS)

# Files for an ISA say it in the last word of their name.
flags_avx2       = -mavx2 -mfma -mf16c
flags_avxvnni    = -mavx2 -mfma -mf16c -mavxvnni
flags_avx512     = -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx2 -mfma -mf16c
flags_avx512vnni = $(flags_avx512) -mavx512vnni
flags_avx512bf16 = $(flags_avx512) -mavx512bf16
flags_amx        = -mamx-tile -mamx-int8 -mamx-bf16
flags_dotprod    = -march=armv8.2-a+dotprod
flags_i8mm       = -march=armv8.2-a+dotprod+i8mm+bf16
isa  = $(flags_$(lastword $(subst _, ,$(basename $(notdir $1)))))
# Fuzz targets read files; kernels, which no input reaches, would take most of their build.
unsanitized = -fno-sanitize=address -fno-sanitize=undefined -fno-sanitize=fuzzer-no-link
plain = $(if $(filter fuzz,$(MODE)),$(if $(filter kernels/cpu/%,$1),$(unsanitized)))
room = $(if $(filter kernels/% bench/base/x86/% bench/base/arm/%,$1),$(call isa,$1) $(call plain,$1),$(zero_init))

# ---- Sources -------------------------------------------------------------------------------------

rooms = kernels kernels/ref kernels/cpu backends backends/cpu scheduler runtime runtime/engine \
  runtime/grammar runtime/model runtime/text
ifeq ($(ARCH),x86_64)
rooms += kernels/cpu/x86
endif

# Vulkan: where its headers and a compiler of shaders are there.
GLSLC ?= glslc
vulkan := $(and $(shell command -v $(GLSLC) 2>/dev/null),$(shell $(PKG_CONFIG) --exists vulkan 2>/dev/null && echo yes))
ifneq ($(vulkan),)
rooms += kernels/vulkan backends/vulkan
$B/backends/list.o $B/tests/unit/test_vulkan.o: EXTRA_CFLAGS += -DPW_HAVE_VULKAN
endif

sources = $(foreach r,$(rooms),$(wildcard $r/*.c))
objects = $(sources:%.c=$B/%.o)

# The bench: what both programs measure with; a whole model, for the command; kernels, for
# pewter-bench, which is built where Google Benchmark is.
bench_base_rooms = bench/base $(if $(filter x86_64,$(ARCH)),bench/base/x86) \
  $(if $(filter aarch64,$(ARCH)),bench/base/arm)
bench_base_objects   = $(patsubst %.c,$B/%.o,$(foreach r,$(bench_base_rooms),$(wildcard $r/*.c)))
bench_model_objects  = $(patsubst %.c,$B/%.o,$(wildcard bench/model/*.c bench/report/*.c)) \
  $B/bench/report/assets.o
bench_kernel_objects = $(patsubst %.c,$B/%.o,$(wildcard bench/*.c) \
  $(filter-out %_peer.c,$(wildcard bench/rivals/*.c))) $B/bench/shim.o \
  $(filter-out $B/tests/check/main.o,$(pwcheck_objects))

# The private parts of the library that the command uses too are linked into it once more.
server_objects  = $(patsubst %.c,$B/%.o,$(wildcard tools/server/*.c))
tool_objects    = $(server_objects) $(patsubst %.c,$B/%.o,$(wildcard tools/*.c) runtime/text/json.c kernels/features.c) \
  $(bench_model_objects) $(bench_base_objects)
support_objects = $(patsubst %.c,$B/%.o,$(wildcard tests/support/*.c))
pwcheck_objects = $(patsubst %.c,$B/%.o,$(wildcard tests/check/*.c))

unit = $(patsubst %.c,$B/%,$(wildcard tests/unit/test_*.c))
e2e  = $(patsubst %.c,$B/%,$(wildcard tests/e2e/test_*.c))
fuzz = $(patsubst %.c,$B/%,$(wildcard tests/fuzz/fuzz_*.c))
pwcheck = $(if $(pwcheck_objects),$B/pwcheck)

static = $B/libpewter.a
shared = $B/libpewter.so.$(VERSION)

.PHONY: all
all: $(if $(wildcard tools/*.c),$B/pewter) $(if $(filter release,$(MODE)),$(static) $(shared) $B/libpewter.so)

# The flags as they were: a build folder made with others is made again.
$B/flags: force
	@$(PKG_CONFIG) --exists $(packages) $(tool_packages) 2>/dev/null || { \
	  echo 'The development files of $(packages) $(tool_packages) are wanted, and not all are found by' \
	    '$(PKG_CONFIG): make setup installs them on Debian and Ubuntu.' >&2; exit 1; }
	@mkdir -p $(@D)
	@echo '$(CC) $(compiler) $(subst ','\'',$(flags))' | cmp -s - $@ || \
	  echo '$(CC) $(compiler) $(subst ','\'',$(flags))' > $@
.PHONY: force

$B/%.o: %.c $B/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$Q $(CC) $(flags) $(call room,$<) -MMD -MP -c $< -o $@

# Every object, private names and all: for the tests. `q` keeps members of one name apart.
$B/libpewter-all.a: $(objects)
	@echo "  AR    $@"
	$Q rm -f $@ && $(AR) qcs $@ $^

# One object in which only pewter_ names are left global.
$B/libpewter.o: $(objects)
	@echo "  LD    $@"
	$Q $(CC) -r -nostdlib -o $@.all $^
	$Q $(OBJCOPY) --localize-hidden $@.all $@ && rm -f $@.all

$(static): $B/libpewter.o
	@echo "  AR    $@"
	$Q rm -f $@ && $(AR) rcs $@ $<

$(shared): $(objects) pewter.map
	@echo "  LINK  $@"
	$Q $(link) -shared -Wl,-soname,libpewter.so.$(SOVERSION) -Wl,--version-script=pewter.map \
	  -Wl,-z,defs -o $@ $(objects) $(LDLIBS)

$B/libpewter.so: $(shared)
	$Q ln -sf $(<F) $B/libpewter.so.$(SOVERSION) && ln -sf $(<F) $@

$B/pewter: $(tool_objects) $(static)
	@echo "  LINK  $@"
	$Q $(link) -pie -o $@ $^ $(LDLIBS) $(tool_libs)

# ---- Shaders -------------------------------------------------------------------------------------

# NAME.comp becomes NAME.spv, or NAME_FORMAT.spv with the number of a format; spirv.c takes them all in.
spv = $(foreach s,add glu norm rope,$s) $(foreach k,0f32 1f16 2bf16,kv_store.KV=$k attention.KV=$k) \
  $(foreach f,0f32 1f16 2bf16 3q4_0 4q4_1 5q8_0 6q4_k 7q5_k 8q6_k,$(foreach s,embed few matmul,$s.FORMAT=$f))
digits = 0 1 2 3 4 5 6 7 8
spv_source = $(firstword $(subst ., ,$1))
spv_number = $(firstword $(foreach d,$(digits),$(if $(findstring =$d,$1),$d)))
spv_name   = $(spv_source)$(if $(findstring =,$1),_$(lastword $(subst =$(spv_number), ,$1)))
spv_define = $(if $(findstring =,$1),-D$(firstword $(subst =, ,$(lastword $(subst ., ,$1))))=$(spv_number))
define spv_rule
$B/kernels/vulkan/$(call spv_name,$1).spv: kernels/vulkan/$(call spv_source,$1).comp $(wildcard kernels/vulkan/*.glsl) $B/flags
	@mkdir -p $$(@D)
	@echo "  GLSLC $$@"
	$$Q $$(GLSLC) -std=460core --target-env=vulkan1.2 -O -Werror $(call spv_define,$1) -o $$@ $$<
endef
$(if $(vulkan),$(foreach s,$(spv),$(eval $(call spv_rule,$s))))
spv_names = $(foreach s,$(spv),$(call spv_name,$s))

$B/kernels/vulkan/spirv.o: EXTRA_CFLAGS += -DPW_SPIRV='"$B/kernels/vulkan"'
$B/kernels/vulkan/spirv.o: $(spv_names:%=$B/kernels/vulkan/%.spv)

# ---- Bench ---------------------------------------------------------------------------------------

# The library for charts is put into the program as it is; without it a report has tables only.
chart_js = $(firstword $(wildcard $(foreach f,chart.min.js Chart.min.js chart.umd.js, \
  /usr/share/javascript/chart.js/$f /usr/share/nodejs/chart.js/dist/$f)))

# Where it was found: one that is installed after a build is put in by the next.
$B/chart: force
	@mkdir -p $(@D)
	@echo '$(chart_js)' | cmp -s - $@ || echo '$(chart_js)' > $@

$B/bench/report/assets.o: bench/report/assets.S $(wildcard bench/report/page.*) $B/chart $B/flags
	@mkdir -p $(@D)
	@echo "  AS    $<"
	$Q $(CC) $(if $(chart_js),-DCHART_JS='"$(chart_js)"') -I. -c $< -o $@

CXX ?= g++
$B/bench/shim.o: bench/shim.cc bench/shim.h $B/flags
	@mkdir -p $(@D)
	@echo "  CXX   $<"
	$Q $(CXX) -std=c++17 -I. -Wall -Wextra $(if $(WERROR),-Werror) $(mode_$(MODE)) -fPIC -pthread \
	  -c $< -o $@

# What a result is told with: the revision and the flags of the build. A tree without history may be
# told which one it is.
$B/revision: force
	@mkdir -p $(@D)
	@cat $@.given 2>/dev/null >$@.new || \
	  git describe --always --dirty --abbrev=9 --exclude='*' 2>/dev/null >$@.new || echo unknown >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$B/bench/base/card.o: $B/revision
$B/bench/base/card.o: EXTRA_CFLAGS += -DPW_REVISION='"$(shell cat $B/revision 2>/dev/null)"' \
  -DPW_BUILD_FLAGS='"$(mode_$(MODE)) $(CFLAGS)"'

$B/pewter-bench: $(bench_kernel_objects) $(bench_base_objects) $B/libpewter-all.a
	@echo "  LINK  $@"
	$Q $(CXX) $(mode_$(MODE)) $(CFLAGS) -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(LDFLAGS) -pie \
	  -o $@ $^ -lbenchmark $(LDLIBS)

# ---- Tests ---------------------------------------------------------------------------------------

$B/libbench.a: $(bench_model_objects) $(bench_base_objects) $B/bench/judge.o
	@echo "  AR    $@"
	$Q rm -f $@ && $(AR) qcs $@ $^

test_parts = $(support_objects) $B/libbench.a $B/libpewter-all.a

$(unit) $(e2e): $B/%: $B/%.o $(test_parts)
	@echo "  LINK  $@"
	$Q $(link) -o $@ $^ $(LDLIBS) -lcmocka

$B/tests/unit/test_pairs: $B/tools/server/pairs.o $B/tools/textbuf.o

$B/pwcheck: $(pwcheck_objects) $(test_parts)
	@echo "  LINK  $@"
	$Q $(link) -o $@ $^ $(LDLIBS)

$B/fits: $B/tests/schema/fits.o $(test_parts)
	@echo "  LINK  $@"
	$Q $(link) -o $@ $^ $(LDLIBS)

$B/tests/fuzz/fuzz_http: $(server_objects) $B/tools/common.o $B/tools/args.o $B/tools/textbuf.o
$B/tests/fuzz/fuzz_http: LDLIBS += $(tool_libs)
$(fuzz): $B/%: $B/%.o $(test_parts)
	@echo "  LINK  $@"
	$Q $(link) -fsanitize=fuzzer -o $@ -Wl,--start-group $^ -Wl,--end-group $(LDLIBS)

.SECONDARY:

# Shell tests that look at sources, then those that need the release build's products.
source_tests  = tests/layers.sh tests/headers.sh tests/style.sh
release_tests = tests/symbols.sh tests/hardening.sh tests/install.sh tests/setup.sh \
  tests/fetch.sh tests/docs.sh tests/demo.sh tests/bench.sh
e2e_scripts   = $(wildcard tests/e2e/*.sh)
long_tests    = tests/dist.sh

programs = $(unit) $(e2e) $(pwcheck)
bench_program = $(if $(filter release,$(MODE)),$B/pewter-bench)
suite    = $(programs) $(e2e_scripts) \
  $(if $(filter release,$(MODE)),$(source_tests) $(release_tests) $(if $(PEWTER_LONG),$(long_tests)))

export CC MODE B VERSION
jobs  = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
again = +@$(MAKE) --no-print-directory $(jobs)
clang_make = CC=$(if $(clang),$(CC),clang)

.PHONY: check check-quick check-all check-run check-arm build-tests
build-tests: all $(programs) $(bench_program)

check:
	@tools/setup.sh check
	$(again) check-run

check-quick:
	@tools/setup.sh check
	$(again) check-run PEWTER_QUICK=1

check-run: build-tests
	@PEWTER_QUICK=$(PEWTER_QUICK) PEWTER_LONG=$(PEWTER_LONG) tests/run.sh $(suite)

# Everything, an hour or so: the tests with the long ones among them, lint, both sanitizers, fuzzing.
check-all:
	@tools/setup.sh ci
	@tests/all.sh

check-arm:
	@tools/setup.sh arm
	@tests/arm.sh

# The bench: minutes. What it wants beside the build is installed first.
.PHONY: bench bench-check bench-full bench-loops bench-run bench-serve rivals
bench:
	@tools/setup.sh bench
	$(again) bench-run

bench-run: all $B/pewter-bench
	@$B/pewter-bench $(BENCH)

bench-check:
	@tools/setup.sh bench
	$(again) $B/pewter-bench
	@bench/check.sh '$(BASE)' $(BENCH)

# Results for docs/benchmarks, beside every rival: an hour or two.
bench-full:
	@tools/setup.sh bench
	$(again) $B/pewter $B/pewter-bench
	@B=$B bench/full.sh $(BENCH)

# What the kernels' inner loops issue, by the objects of this build.
bench-loops:
	$(again) $B/libpewter-all.a
	@B=$B bench/loops.sh $(BENCH)

# Load on a service and on its rivals': MODEL, and options of bench/serve/load.py in BENCH.
bench-serve:
	$(again) $B/pewter
	@B=$B bench/serve/run.sh $(MODEL) $(BENCH)

rivals:
	@tools/rivals.sh

.PHONY: asan tsan fuzz lint fmt cover
asan:
	$(again) check-run MODE=asan B=build/asan

tsan:
	$(again) check-run MODE=tsan B=build/tsan

.PHONY: check-clients check-openapi
check-clients: $B/pewter
	@B=$B tests/clients.sh

check-openapi: $B/pewter
	@B=$B tests/openapi.sh

.PHONY: check-schema
check-schema: $B/fits
	@B=$B tests/schema.sh --markdown

FUZZ_SECONDS ?= 20
fuzz:
	$(again) fuzz-run MODE=fuzz B=build/fuzz $(clang_make)

.PHONY: fuzz-run
fuzz-run: $(fuzz)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run.sh $(fuzz)

lint:
	@tests/lint.sh

sources_all = $(wildcard include/*.h include/pw/*.h $(foreach d,$(rooms) kernels/cpu/x86 tools tools/server \
  bench bench/base bench/base/x86 bench/base/arm bench/model bench/report bench/rivals \
  docs/examples tests/unit tests/check tests/schema tests/e2e tests/support tests/fuzz,$d/*.c $d/*.h))

fmt:
	@clang-format -i $(sources_all)

# For tests/lint.sh: the sources, and the flags of one of them.
.PHONY: list-sources flags-of
list-sources:
	@printf '%s\n' $(sort $(sources_all))

flags-of:
	@echo $(flags) $(call room,$(FILE))

cover:
	$(again) check-run MODE=cover B=build/cover
	@tests/cover.sh

# ---- For users -----------------------------------------------------------------------------------

.PHONY: demo setup install uninstall dist clean help
demo:
	+@PEWTER_JOBS='$(jobs)' tools/demo.sh

setup:
	@tools/setup.sh demo

installed = $(BINDIR)/pewter $(INCLUDEDIR)/pewter.h $(LIBDIR)/libpewter.a \
  $(LIBDIR)/libpewter.so.$(VERSION) $(LIBDIR)/libpewter.so.$(SOVERSION) $(LIBDIR)/libpewter.so \
  $(LIBDIR)/pkgconfig/pewter.pc \
  $(addprefix $(DOCDIR)/,README.md LICENSE NOTICE $(wildcard docs/*.md docs/examples/*))

install: all
	$(INSTALL) -d $(sort $(dir $(installed:%=$(DESTDIR)%)))
	$(INSTALL) -m 755 $B/pewter $(DESTDIR)$(BINDIR)/pewter
	$(INSTALL) -m 644 include/pewter.h $(DESTDIR)$(INCLUDEDIR)/pewter.h
	$(INSTALL) -m 644 $(static) $(DESTDIR)$(LIBDIR)/libpewter.a
	$(INSTALL) -m 755 $(shared) $(DESTDIR)$(LIBDIR)/libpewter.so.$(VERSION)
	ln -sf libpewter.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libpewter.so.$(SOVERSION)
	ln -sf libpewter.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libpewter.so
	sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' \
	  -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' -e 's|@VERSION@|$(VERSION)|g' \
	  -e 's|@PACKAGES@|$(packages)|g' pewter.pc.in > $B/pewter.pc
	$(INSTALL) -m 644 $B/pewter.pc $(DESTDIR)$(LIBDIR)/pkgconfig/pewter.pc
	$(INSTALL) -m 644 README.md LICENSE NOTICE $(DESTDIR)$(DOCDIR)
	$(INSTALL) -m 644 docs/*.md $(DESTDIR)$(DOCDIR)/docs
	$(INSTALL) -m 644 docs/examples/* $(DESTDIR)$(DOCDIR)/docs/examples
	$(if $(DESTDIR),,-@[ "$$(id -u)" -ne 0 ] || /sbin/ldconfig)

uninstall:
	rm -f $(installed:%=$(DESTDIR)%)
	-rmdir $(DESTDIR)$(DOCDIR)/docs/examples $(DESTDIR)$(DOCDIR)/docs $(DESTDIR)$(DOCDIR)

dist:
	@tools/dist.sh $(VERSION)

clean:
	rm -rf build

help:
	@echo 'make            builds the command and the library in $B'
	@echo 'make demo       installs what is missing, builds, fetches a small model, summarises a text,'
	@echo '                and turns it into JSON by a schema'
	@echo '                (MODEL=file.gguf takes a model at hand; NO_INSTALL=1 installs nothing)'
	@echo 'make check      installs what is missing, builds, runs the tests (minutes)'
	@echo 'make check-quick, check-all   the same in less than two minutes; with everything (an hour)'
	@echo 'make check-clients  programs written for OpenAI API, installed by pip, against the server'
	@echo 'make check-openapi  schemathesis against the server and docs/openapi.json'
	@echo 'make check-schema   JSON Schema'\''s own tests, fetched from PyPI, beside what is kept of it'
	@echo 'make check-arm  builds for aarch64 and runs a small model under qemu'
	@echo 'make bench      every kernel beside the limits of this machine (BENCH="--help" for its options)'
	@echo 'make rivals     installs and compiles the programs that the bench compares with'
	@echo 'make bench-check BASE=revision   fails where this tree is slower or wrong'
	@echo 'make bench-full kernels and models beside every rival, as build/bench-full.md'
	@echo 'make bench-serve MODEL=FILE   load on pewter serve beside llama-server (BENCH="--help")'
	@echo 'make bench-loops what the inner loops issue, beside a model of a CPU (BENCH="--help")'
	@echo 'make lint       format, warnings of gcc and clang, analyser, floors, headers, symbols'
	@echo 'make asan tsan fuzz cover     tests under sanitizers; fuzz targets (FUZZ_SECONDS=20); coverage'
	@echo 'make fmt        formats the sources'
	@echo 'make install, uninstall       takes PREFIX ($(PREFIX)), BINDIR, LIBDIR, INCLUDEDIR, DESTDIR'
	@echo 'make setup      installs what make demo needs, and no more'
	@echo 'make dist       writes build/pewter-$(VERSION).tar.gz of the last commit'
	@echo 'make clean      removes build/'

-include $(objects:.o=.d) $(tool_objects:.o=.d) $(bench_kernel_objects:.o=.d) $(support_objects:.o=.d) $(pwcheck_objects:.o=.d) \
  $(unit:=.d) $(e2e:=.d) $(fuzz:=.d)
