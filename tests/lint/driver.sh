# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# For tests/lint/lint: what tools say about the driver, its suites and what
# else is compiled against a kernel

part driver checkpatch gcc clang sparse coccicheck mio

gcc=CROSS_COMPILE=s390x-linux-gnu-
clang=LLVM=-19
suites=CONFIG_ISM_VFIO_PCI_KUNIT_TEST=m

setup_driver() {
	packages clang-19 lld-19 llvm-19 # 7.3 takes LLVM 17 or newer
	packages coccinelle ocaml python3-dev # semantic patches have programs in them
	packages codespell perl
	linux=$("$prepare" linux-source 7.3)
	stock=$("$prepare" kernel stock-6.12)/build
	new_gcc=$("$prepare" compile-tree 7.3 "$gcc")
	new_clang=$("$prepare" compile-tree 7.3 "$clang")
}

# A folder with the driver's files alone, to build in
driver() { # TREE
	local copy
	copy=$(mktemp -d "$dir/driver.XXXXXX")
	(cd "$1" && cp -r --parents Kbuild Kconfig ./*.[ch] kunit* "$copy")
	echo "$copy"
}

# compile KERNEL MAKE-ARGUMENT... TREE: the driver and its suites. No kernel was
# linked of those that are only there to compile against: modpost misses its
# symbols. No BTF: it takes a pahole that fits the kernel's.
compile() {
	local target=modules
	[ -z "$only" ] || target=${only%.c}.o
	make -j"$(nproc)" -C "$1" M="$(driver "${*: -1}")" ARCH=s390 \
		CONFIG_ISM_VFIO_PCI=m CONFIG_DEBUG_INFO_BTF_MODULES= \
		KBUILD_MODPOST_WARN=1 "${@:2:$#-2}" "$target" 2>&1 |
		grep -vE '^WARNING: (modpost: |.*Module.symvers is missing)'
}

compiles() { silent compile "$@"; }

lint_gcc() {
	clean 'gcc W=1, Linux 6.12' compiles "$stock" "$gcc" W=1
	add Wunused-const-variable main.c 'static const int ism_vfio_bad = 1;'
	clean 'gcc W=1, Linux 7.3' compiles "$new_gcc" "$gcc" "$suites" W=1
	add Wunused-const-variable kunit/fake.c 'static const int ism_vfio_bad = 1;'
}

lint_clang() {
	clean 'clang W=1, Linux 6.12' compiles "$stock" "$clang" W=1
	add Wunused-const-variable main.c 'static const int ism_vfio_bad = 1;'
	clean 'clang W=1, Linux 7.3' compiles "$new_clang" "$clang" "$suites" W=1
	add Wunused-const-variable kunit/fake.c 'static const int ism_vfio_bad = 1;'
}

# make goes on, and succeeds, without a sparse that does not run
all_checked() {
	awk '
		/^ *CC / && !/(\.mod|\.module-common)\.o$/ { sub(/o$/, "c"); want[$NF] }
		/^ *CHECK / { have[$NF]; n++ }
		END {
			for (file in want)
				if (!(file in have)) {
					print file " was not checked"
					failed = 1
				}
			exit failed || !n
		}' "$dir/log"
}

sparse() { # KERNEL MAKE-ARGUMENT... TREE
	silent compile "$@" && all_checked
}

lint_sparse() {
	local sparse
	sparse=CHECK=$("$prepare" sparse)/sparse
	clean 'sparse, Linux 6.12' sparse "$stock" "$gcc" C=2 "$sparse"
	sparse_bugs
	clean 'sparse, Linux 7.3' sparse "$new_gcc" "$gcc" "$suites" C=2 "$sparse"
	sparse_bugs
}

sparse_bugs() {
	bug 'dereference of noderef expression' main.c \
		's/copy_to_user(buf, data, len)/*(u8 *)data != *buf/'
	add 'restricted __be32' main.c \
		'static __be32 __maybe_unused ism_vfio_bad = 1;'
}

# checkpatch OPTIONS FILE...: fails when there is anything to report
checkpatch() {
	printf '%s\0' "${@:2}" | xargs -r -0 -n 6 -P "$(nproc)" \
		"$linux/scripts/checkpatch.pl" --no-tree --terse --show-types \
			--strict --codespell "$1" --file
}

# A kernel's own files have nothing to do with its version; what is in compat.h
# has, and is no place for this advice
checkpatched() { # TREE
	local file files=() compat=()

	cd "$1" || return
	for file in ${only:-*.[ch] kunit/*.[ch] bench/floor.c Kbuild Kconfig kunit/Kbuild \
			tests/peer/module/*}; do
		case $file in
		*compat.h) compat+=("$file") ;;
		*) files+=("$file") ;;
		esac
	done
	checkpatch --color=never "${files[@]}" &&
		checkpatch --ignore=LINUX_VERSION_CODE,CONSTANT_COMPARISON "${compat[@]}"
}

lint_checkpatch() {
	clean 'checkpatch --strict --codespell' checkpatched
	add ERROR:SPACING main.c 'static int ism_vfio_bad(int a)\n{\n\treturn a==1;\n}'
	add CHECK:COMPARISON_TO_NULL main.c 'static int ism_vfio_bad(int *a)\n{\n\treturn a == NULL;\n}'
	add TYPO_SPELLING ism_vfio.h '/* a\x63ommodate */'
}

# coccicheck TREE: with all semantic patches, or only with $COCCI, which is the
# kernel's own name for that
coccicheck() {
	make -C "$new_gcc" M="$(driver "$1")" ARCH=s390 "$gcc" coccicheck \
		MODE=report J="$(nproc)" V=0 >"$dir/log" 2>&1 || {
		cat "$dir/log"
		return 1
	}
	! grep -E '^(\./)?[^ :]+\.[ch]:[0-9]+:' "$dir/log"
}

lint_coccicheck() {
	local -x COCCI=
	clean 'coccicheck' coccicheck
	# all of them take half a minute
	COCCI=$linux/scripts/coccinelle/free/ifnullfree.cocci
	add 'NULL check before some freeing functions' main.c \
		'void ism_vfio_bad(void *p) { if (p) kfree(p); }'
}

# Memory-I/O, which ISM does not know: under QEMU a wrong use would go unseen
mio_symbols='^(zpci_load|zpci_store|zpci_write_block|io(read|write)(8|16|32|64)(be)?|pci_iomap.*)$'
# To the disassembler of Debian 12 these, like all of zPCI, are data; there is
# no other data in a module's text
mio_instructions='\b(pcilgi|pcistgi|pcistbi|pciwb)|\.(byte|short|long|quad|insn)\b'

mio() { # KERNEL TREE
	local copy
	copy=$(driver "$2")
	make -C "$1" M="$copy" ARCH=s390 "$gcc" CONFIG_ISM_VFIO_PCI=m \
		main.o >"$dir/log" 2>&1 || { cat "$dir/log"; return 1; }
	s390x-linux-gnu-nm -u "$copy/main.o" | awk '{ print $2 }' >"$dir/symbols"
	s390x-linux-gnu-objdump -d "$copy/main.o" >"$dir/instructions"
	if ! grep -x __zpci_load "$dir/symbols" || ! grep -w brasl "$dir/instructions"; then
		echo 'nm or objdump do not understand main.o'
		return 1
	fi
	! grep -E "$mio_symbols" "$dir/symbols" &&
		! grep -E "$mio_instructions" "$dir/instructions"
}

lint_mio() {
	clean 'no memory-I/O, Linux 6.12' mio "$stock"
	mio_bugs
	clean 'no memory-I/O, Linux 7.3' mio "$new_gcc"
	mio_bugs
}

mio_bugs() {
	add zpci_load main.c \
		'u32 ism_vfio_bad(void __iomem *p);\nu32 ism_vfio_bad(void __iomem *p) { return ioread32(p); }'
	bug 0xb9d6 insn.h \
		's/return __zpci_load(.*/asm volatile(".insn rre,0xb9d60000,%r2,%r4");\n&/'
	bug 0xeb insn.h \
		's/return __zpci_load(.*/asm volatile(".insn rsy,0xeb00000000d4,%r2,%r4,0(%r6)");\n&/'
}
