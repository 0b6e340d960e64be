# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# For tests/lint/lint: libism's floors. Each uses only those below it, and nobody
# else knows them.

part programs floors

# From the ground up, as tools/libism/state.h tells it
floors=(state error transport sysfs vfio group iommufd command memory dmb event handle)

# floor_of FILE: its number, or nothing
floor_of() {
	local i name=${1##*/}
	for i in "${!floors[@]}"; do
		[ "${floors[i]}" != "${name%.[ch]}" ] || echo "$i"
	done
}

# below FILE USED WHAT: complains unless the floor of USED is below that of FILE
below() {
	local mine its
	mine=$(floor_of "$1") its=$(floor_of "$2")
	if [ -z "$mine" ]; then
		echo "$1 is on no floor: tests/lint/floors.sh has the list"
	elif [ -z "$its" ] || [ "$mine" -le "$its" ]; then
		echo "$1 $3, which is not on a floor below"
	fi
}

# Each #include "..." of the files named: the file, a blank, and what it includes
included() {
	grep -oE '^#[ 	]*include[ 	]*"[^"]+"' "$@" /dev/null |
		sed 's/:[^"]*"/ /; s/"$//'
}

# What a floor includes, but for its own header
floor_includes() {
	local file header
	included tools/libism/*.[ch] | while read -r file header; do
		[ "$header" = ism.h ] || [ "${file%.c}.h" = "tools/libism/$header" ] ||
			below "$file" "$header" "includes $header"
	done
}

# What others include: it is found beside the file that does, or else by an -I
others_include() {
	local file header found sources
	mapfile -t sources < <(find . -name '*.[ch]' ! -path './tools/libism/*' \
		! -path './tests/libism/*')
	included "${sources[@]}" | while read -r file header; do
		found=$(realpath -m --relative-to=. "${file%/*}/$header")
		[ ! -e "$found" ] || header=$found
		case $header in
		*libism/include/ism.h) ;;
		tools/libism/*) echo "$file includes $header" ;;
		*/*) ;;
		*) [ -e "$found" ] || [ -z "$(floor_of "$header")" ] ||
			echo "$file includes $header" ;;
		esac
	done | sed 's/$/, which is for libism and tests\/libism alone/'
}

# What a floor uses, by its object: ism.h declares the functions of all floors
floor_uses() {
	local file object out symbol
	declare -A home=()
	out=$(mktemp -d "$dir/floors.XXXXXX")
	for file in tools/libism/*.c; do
		object=$out/$(basename "$file" .c).o
		gcc -std=c11 -D_GNU_SOURCE -Itools/libism/include \
			-isystem "$sysroot/usr/include" -c "$file" -o "$object" || return
		for symbol in $(nm -g --defined-only "$object" | awk '{ print $3 }'); do
			home[$symbol]=$file
		done
	done
	for file in tools/libism/*.c; do
		for symbol in $(nm -u "$out/$(basename "$file" .c).o" | awk '{ print $2 }'); do
			[ -z "${home[$symbol]-}" ] ||
				below "$file" "${home[$symbol]}" "uses $symbol of ${home[$symbol]}"
		done
	done
}

floors_hold() { # TREE
	cd "$1" || return
	! {
		floor_includes
		others_include
		case $only in '' | tools/libism/*) floor_uses ;; esac
	} 2>&1 | grep .
}

lint_floors() {
	clean "libism's floors" floors_hold
	bug 'tools/libism/command.c includes dmb.h' tools/libism/command.c \
		's/#include "error.h"/&\n#include "dmb.h"/'
	bug 'tools/libism/error.h includes handle.h' tools/libism/error.h \
		's/#include "state.h"/&\n#include "handle.h"/'
	bug 'tools/libism/vfio.c uses ism_reset of tools/libism/handle.c' tools/libism/vfio.c \
		's/ism->nr_ranges++;/&\n\tism_reset(ism);/'
	bug 'tools/ismctl/info.c includes tools/libism/event.h' tools/ismctl/info.c \
		'0,/#include "/s//#include "..\/libism\/event.h"\n&/'
	bug 'tests/peer/end.c includes handle.h' tests/peer/end.c \
		'0,/#include "/s//#include "handle.h"\n&/'
}
