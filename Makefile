# SPDX-License-Identifier: GPL-2.0-only
#
# Kbuild is what a kernel tree reads; this is for everybody else. Try make help.

prefix	?= /usr/local
# make, meson and ninja are in folders of their own when they use it
override DESTDIR := $(abspath $(DESTDIR))
KDIR	?= /lib/modules/$(shell uname -r)/build
FILE	?= README.rst
SECONDS	?= 300

release	= $(or $(file <$(KDIR)/include/config/kernel.release),$(shell uname -r))
updates	= $(DESTDIR)/lib/modules/$(release)/updates
# The key that the kernel's modules are signed with is rarely here; without it
# modules_install would complain for every module
sig-key	= $(shell sed -n 's/^CONFIG_MODULE_SIG_KEY="\(.*\)"/\1/p' $(KDIR)/.config)
signing	= $(if $(filter pkcs11:%,$(sig-key))$(wildcard $(sig-key) $(KDIR)/$(sig-key)),,CONFIG_MODULE_SIG_ALL=)

# meson takes CC and CFLAGS out of the environment, where make puts what it is given.
# A compiler for s390x elsewhere is named to meson in a file.
cc	:= $(if $(filter default,$(origin CC)),$(CROSS_COMPILE)gcc,$(CC))
cross	:= $(and $(filter-out s390x,$(shell uname -m)),\
		 $(filter s390x-%,$(shell $(cc) -dumpmachine 2>/dev/null)))
# where meson builds the tools
O	?= build$(if $(cross),-s390x)
comma	:= ,
tool	= $(shell $(cc) -print-prog-name=$1)
# below prefix; tests/packages/install holds that it is all
installed = bin/ismctl sbin/ism-vfio include/ism.h \
	$(addsuffix /libism.*,lib lib64 lib/*-linux-gnu) \
	$(addsuffix /pkgconfig/libism.pc,lib lib64 lib/*-linux-gnu) \
	share/bash-completion/completions/ismctl \
	share/bash-completion/completions/ism-vfio \
	share/man/man1/ismctl.1 share/man/man3/libism.3 share/man/man8/ism-vfio.8

all: modules tools

help:
	@echo 'make demo [FILE=...]   move a file between two ISM functions in a virtual machine'
	@echo 'make check             is this change good? (CHECKS="name..." for some of the checks)'
	@echo 'make check-all         all that make check has, and more'
	@echo 'make lint              what tools say about the source (TOOLS="name..." for some)'
	@echo 'make fuzz              libism against a device that answers nonsense, for SECONDS=300'
	@echo 'make streams           1 GiB in one stream, and processes killed in the middle of it'
	@echo 'make soak              what a hostile or unlucky user can do, for SOAK_MINUTES=20 (SOAK_KERNELS="name...")'
	@echo 'make mutants           do the tests notice a wrong driver? (MUTANTS="name..." for some)'
	@echo 'make matrix            the tests on each kernel that Debian has (KERNELS="name...")'
	@echo 'make package-test      the Debian packages, in a Debian in a virtual machine (long)'
	@echo 'make coverage          which lines of the driver do the tests reach? Table and HTML'
	@echo 'make dist              a tarball of it, for a release'
	@echo 'make html              the documents as pages, in build/html'
	@echo 'make intree LINUX=...  put the driver into a Linux source tree'
	@echo 'make bench             instructions per call, against the in-tree driver'
	@echo 'make                   the module for the running kernel, and the tools'
	@echo 'make modules           the module alone, for the kernel of KDIR'
	@echo 'make install           module, tools, library, manuals; DESTDIR and prefix are honoured'
	@echo 'make uninstall         undo that'
	@echo 'make clean             what make has built here'
	@echo
	@echo 'To build for s390x elsewhere: KDIR=... ARCH=s390 CROSS_COMPILE=s390x-linux-gnu-'
	@echo 'CC and CFLAGS are honoured when meson is set up, once: make clean before others.'
	@echo 'MESONFLAGS="..." has whatever else meson is to be told then.'

modules: | can-build
	$(MAKE) -C $(KDIR) M=$(CURDIR) CONFIG_ISM_VFIO_PCI=m modules

tools: $(O)/build.ninja
	ninja -C $(O)

$(O)/build.ninja: | can-build-tools $(if $(cross),$(O)/compiler.ini)
	meson setup $(O) --prefix=$(prefix) $(if $(cross), \
		--cross-file tools/s390x.ini --cross-file $(O)/compiler.ini) $(MESONFLAGS)

$(O)/compiler.ini:
	@mkdir -p $(O)
	@printf '%s\n' '[binaries]' "c = [$(patsubst %,'%'$(comma),$(cc))]" \
		"ar = '$(call tool,ar)'" "strip = '$(call tool,strip)'" \
		"objcopy = '$(call tool,objcopy)'" >$@

# For a staging folder the package's own scripts run depmod
install: modules tools
	$(MAKE) -C $(KDIR) M=$(CURDIR) CONFIG_ISM_VFIO_PCI=m DEPMOD=true \
		INSTALL_MOD_PATH=$(DESTDIR) INSTALL_MOD_DIR=updates $(signing) \
		modules_install
	$(if $(DESTDIR),,depmod $(release))
	meson configure $(O) --prefix=$(prefix)
	DESTDIR=$(DESTDIR) meson install -C $(O)

uninstall:
	rm -f $(updates)/ism-vfio-pci.ko*
	[ ! -d $(updates) ] || rmdir --ignore-fail-on-non-empty $(updates)
	$(if $(DESTDIR),,depmod $(release))
	rm -f $(addprefix $(DESTDIR)$(prefix)/,$(installed))

clean:
	[ ! -d $(KDIR) ] || $(MAKE) -C $(KDIR) M=$(CURDIR) clean
	rm -rf build build-s390x $(O)

can-build-tools:
	@command -v meson >/dev/null && command -v ninja >/dev/null || { \
		echo "The tools are built by meson and ninja: install these (apt install meson ninja-build)." >&2; \
		exit 1; }

can-build:
	@[ "$(ARCH)" = s390 ] || [ "$$(uname -m)" = s390x ] || { \
		echo "This machine is no s390x: give KDIR, ARCH=s390 and CROSS_COMPILE, or try make demo." >&2; \
		exit 1; }
	@[ -d $(KDIR) ] || { \
		echo "$(KDIR) does not exist: install the kernel's header package, or give KDIR." >&2; \
		exit 1; }

demo:
	@scripts/demo '$(FILE)'

check:
	@tests/check $(CHECKS)

check-all:
	@tests/check --all

coverage:
	@tests/driver/coverage

# DIST is the folder for it
dist:
	@scripts/dist $(DIST)

html:
	@scripts/prepare packages python3-sphinx
	@scripts/html $(O)/html
	@echo "$(O)/html/index.html"

intree:
	@scripts/intree '$(LINUX)'

lint:
	@tests/lint/lint $(TOOLS)

matrix:
	@tests/matrix $(KERNELS)

fuzz:
	@tests/libism/fuzz/run -max_total_time=$(SECONDS)

streams:
	@STREAM_MIB=1024 STREAM_KILLS=20 tests/check streams streams-7.3

soak:
	@tests/soak/soak --document $(PARTS)

package-test:
	@tests/packages/debian

mutants:
	@tests/mutants/mutants $(MUTANTS)

bench:
	@scripts/bench

.PHONY: all help dist html modules tools install uninstall clean can-build can-build-tools demo check check-all intree lint fuzz streams matrix package-test soak mutants coverage bench
