# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# For tests/lint/lint: what compilers, analyzers and sanitizers say about
# library, tools, tests and the device model, on this machine

part programs userspace clang_tidy sanitizers threads fuzz

setup_programs() {
	packages clang-19 clang-tidy-19 meson ninja-build
	packages libclang-rt-19-dev # libFuzzer and ThreadSanitizer
	packages libjson-c-dev libssl-dev libnl-genl-3-dev libtraceevent-dev liburing-dev
	selftests=$("$prepare" linux-source 7.3)/tools/testing/selftests
	qemu=$("$prepare" qemu-source)
	sysroot=$("$prepare" sysroot)
}

# meson_build TREE DIR CC OPTION...: library, tools and tests, for this machine; or
# the one file that has a bug; or what is in target
meson_build() {
	local targets=("${target[@]}")
	CC=$3 meson setup "$2" "$1" -Dwerror=true -Dkselftest="$selftests" \
		"${@:4}" || return
	[ -z "$only" ] || mapfile -t targets < <(ninja -C "$2" -t targets all |
		sed -n "s#^\([^:]*\.a\.p/${only##*/}\.o\):.*#\1#p")
	ninja -C "$2" "${targets[@]}"
}

# programs CC OPTIMIZATION C-ARGUMENT TREE. The analyzer takes an assertion of a test
# that fails for a leak: it ends the process as it is.
programs() {
	local out tests=true
	[ "$3" != -fanalyzer ] || tests=false
	out=$(mktemp -d "$dir/tools.XXXXXX")
	silent meson_build "$4" "$out" "$1" "-Dtests=$tests" "-Doptimization=$2" \
		-Dc_args="-isystem $sysroot/usr/include $3"
}

model() { # CC OPTIMIZATION C-ARGUMENT TREE
	silent make -C "$4/qemu" QEMU_SRC="$qemu" CC="$1" CFLAGS="-O$2 $3" \
		O="$(mktemp -d "$dir/model.XXXXXX")"
}

lint_userspace() {
	local file kind
	for kind in programs:tools/libism/dmb.c model:qemu/ism.c; do
		file=${kind#*:}
		kind=${kind%:*}
		clean "gcc -fanalyzer, $kind" "$kind" gcc 2 -fanalyzer
		add analyzer-use-after-free "$file" \
			'int bad(int *p);\nint bad(int *p) { free(p); return *p; }'
		add unused-variable "$file" 'void bad(void);\nvoid bad(void) { int i; }'
		clean "clang -Wall -Wextra, $kind" "$kind" clang-19 2 ''
		add sometimes-uninitialized "$file" \
			'int bad(int i);\nint bad(int i) { int j; if (i) j = 1; return j; }'
	done
}

# What clang-tidy is not asked for
tidy=(
	'clang-analyzer-*' 'bugprone-*'
	# takes memcpy() and printf() to be insecure for want of C11's Annex K,
	# which the C library does not have
	-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling
	# any strcpy(), also after a look at the length
	-clang-analyzer-security.insecureAPI.strcpy
	# an eventfd that is read under a lock: it is non-blocking
	-clang-analyzer-unix.BlockInCriticalSection
	# two parameters of one type
	-bugprone-easily-swappable-parameters
	# 2 * ISM_PAGE as a size_t
	-bugprone-implicit-widening-of-multiplication-result
	# an array of pointers that is given to free()
	-bugprone-multi-level-implicit-pointer-conversion
)

clang_tidy() { # TREE
	cd "$1" || return
	local sources=(tools/{libism,ismctl}/*.c)
	[ -z "$only" ] || sources=("$only")
	printf '%s\0' "${sources[@]}" |
		xargs -0 -P "$(nproc)" -I '{}' clang-tidy-19 --quiet \
			--checks="$(IFS=,; echo "${tidy[*]}")" \
			--warnings-as-errors='*' '{}' -- \
			-std=c11 -D_GNU_SOURCE '-DISM_VFIO_VERSION="1"' -Itools/libism/include -isystem "$sysroot/usr/include"
}

lint_clang_tidy() {
	clean clang-tidy clang_tidy
	add bugprone-integer-division tools/libism/dmb.c \
		'double bad(int a);\ndouble bad(int a) { return a / 2; }'
	add clang-analyzer-core.NullDereference tools/libism/dmb.c \
		'int bad(int *p);\nint bad(int *p) { return p ? 0 : *p; }'
}

# on_host CC SANITIZERS TEST... TREE: tests of libism, which need no guest
on_host() {
	local out only='' target=("${@:3:$#-3}") program
	target=("${target[@]/#/tests/libism/}")
	out=$(mktemp -d "$dir/tools.XXXXXX")
	meson_build "${*: -1}" "$out" "$1" -Dtests=true -Dismctl=disabled -Db_lundef=false \
		-Doptimization=1 -Db_sanitize="$2" -Dc_args="-isystem $sysroot/usr/include \
			-fno-sanitize-recover=all" >"$out.log" 2>&1 || {
		cat "$out.log"
		return 1
	}
	for program in "${target[@]}"; do
		"$out/$program" || return
	done
}

# The library over a transport that is none, with AddressSanitizer and UBSan
sanitized() {
	on_host gcc address,undefined libism-{command,memory,dmb,event,handle} "$1"
}

# The library used by many threads, with ThreadSanitizer
threaded() { TSAN_OPTIONS=halt_on_error=1 on_host clang-19 thread threads "$1"; }

lint_threads() {
	clean 'libism in many threads' threaded
	bug 'data race' tools/libism/command.c '/^int ism_cmd(/,/^}/{/pthread_mutex_/d}'
	bug 'data race' tools/libism/dmb.c '/^static int take_index(/,/^}/{/pthread_mutex_/d}'
	bug 'data race' tools/libism/state.h 's/__atomic_fetch_add(counter, n.*/*counter += n;/'
}

# A device that answers nonsense, a fixed number of times
fuzzed() { # TREE
	cd "$dir" || return
	"$1/tests/libism/fuzz/run" -seed=1 -runs=300000
}

lint_fuzz() {
	clean 'libism with nonsense from the device' fuzzed
	bug buffer-overflow tools/libism/command.c 's/0, resp_len - len)/0, resp_len)/'
	bug 'more VLAN ids than there is room for' tools/libism/command.c \
		's/info->nr_vlans > ISM_VLAN_IDS/!info->nr_vlans/'
	bug 'a signal of a DMB that there is not' tools/libism/event.c \
		's/if (!ism->dmbs\[idx\])/if (!ism->sba)/'
}

lint_sanitizers() {
	clean 'libism with sanitizers' sanitized
	bug 'AddressSanitizer: heap-use-after-free' tools/libism/dmb.c \
		's/ism->dmbs\[dmb->idx\] = NULL;//'
	bug 'runtime error: shift exponent' tools/libism/dmb.c \
		's/(uint64_t)signal << SIGNAL_SHIFT/1ull << (signal + 64)/'
	bug 'not ok' tools/libism/dmb.c 's/room = ISM_PAGE -/room = ISM_PAGE +/'
}
