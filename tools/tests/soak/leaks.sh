#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: leaks.sh SECONDS
#
# Bind, open, transfer, close and unbind, over and over, and what the kernel holds
# of it: nothing. Then drivers that leak, in wrong/, which have to be found.

# shellcheck source=tools/tests/tap.sh
. ./tap.sh
# shellcheck source=tools/tests/soak/account.sh
. ./account.sh

deadline=$(($(seconds) + $1))
a=0011:00:00.0
b=0012:00:00.0
short=40 # cycles between two looks, at least

# look FILE: objects of each slab cache, areas of vmalloc by their caller, and
# what /proc has sums of; without what may be dropped, or is only kept at hand
look() {
	sync
	# what was used lately goes the second time
	for _ in 1 2 3; do
		echo 3 >/proc/sys/vm/drop_caches
	done
	sleep 1 # what is freed by RCU or a worker
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 >"$cache"
	done 2>/dev/null
	{
		# an area that is freed waits for others before it is purged
		awk 'NR > 2 && $1 != "vmap_area" { print "slab " $1, $2 }' /proc/slabinfo
		awk '/unpurged/ { next }
			{ sub(/\+.*/, "", $3); areas[$3]++ }
			END { for (by in areas) print "vmalloc " by, areas[by] }' \
			/proc/vmallocinfo
		awk '/^nr_foll_pin_acquired/ { n += $2 }
			/^nr_foll_pin_released/ { n -= $2 }
			END { print "pages pinned", n }' /proc/vmstat
		awk '/^nr_iommu_pages|^nr_page_table_pages|^nr_kernel_stack/ {
			print "pages " $1, $2 }' /proc/vmstat
		awk '/^Percpu|^VmallocUsed/ { print "kilobytes " $1, $2 }' /proc/meminfo
	} >"$1"
}

# grown ROUNDS: what became more by a tenth of the rounds and over in both halves;
# a leak does, in each round, and nothing else does for long
grown() {
	awk -v rounds="$1" '
		FILENAME == "first" { first[$1 " " $2] = $3 }
		FILENAME == "middle" { middle[$1 " " $2] = $3 }
		FILENAME == "last" {
			what = $1 " " $2
			by = $3 - middle[what]
			if (by > rounds / 10 && middle[what] - first[what] > rounds / 10) {
				print what ": " first[what] + 0 ", " middle[what] + 0 ", " $3
				found = 1
			}
		}
		END { exit !found }' first middle last
}

# keeps_growing ROUNDS: what had grown by chance does not once more
keeps_growing() {
	grown "$1" >&2 || return
	mv middle first
	mv last middle
	# what cannot go on is no proof that nothing grows
	./cycles "$1" $a $b && look last || return 0
	grown "$1"
}

# Loading would bind what has the override
load() { modprobe ism-vfio-pci && override $a && override $b; }

unload() {
	modprobe -r ism-vfio-pci && [ ! -e /sys/module/ism_vfio_pci ] &&
		no_override $a && no_override $b
}

# halves ROUNDS: of cycles, after a few for what is allocated once
halves() {
	./cycles 10 $a $b && look first &&
		./cycles "$1" $a $b && look middle &&
		./cycles "$1" $a $b && look last
}

# As many as the time allows, by how long a few take
over_and_over() {
	start=$(seconds)
	load && ./cycles $short $a $b || return
	took=$(($(seconds) - start + 1))
	rounds=$(((deadline - $(seconds)) * short / took / 2))
	[ $rounds -ge $short ] || rounds=$short
	halves $rounds || return
	echo $rounds >rounds
	did cycles $((short + 10 + 2 * rounds))
	! keeps_growing $rounds
}

nothing_is_pinned() { equal 0 "$(awk '/pinned/ { print $3 }' last)"; }

# finds NAME WHAT
finds() {
	wrong "$1" && load && halves $short && keeps_growing $short >grew &&
		grep "$2" grew
}

tap 'after many cycles of bind, open, transfer, close and unbind nothing has grown, and nothing is mapped still' \
	over_and_over
echo "# $(cat rounds) cycles twice, $(wc -l <last) caches, areas and sums compared"
tap 'all user memory that was pinned has been let go' nothing_is_pinned
tap 'no slab cache of a function is left' caches_are_gone
! has_kmemleak || tap 'kmemleak finds nothing' nothing_is_forgotten
tap 'the module can be unloaded' unload
while read -r name what; do
	tap "a driver that leaks is found: $name" finds "$name" "$what"
	unload
done <wrong/list
account
tap_end
