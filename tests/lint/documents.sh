# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# For tests/lint/lint: what tools say about documents, scripts and the licence
# of each file

part documents kernel_doc sphinx man shellcheck codespell reuse

setup_documents() {
	packages codespell mandoc perl python3-sphinx reuse shellcheck
	linux=$("$prepare" linux-source 7.3)
	qemu=$("$prepare" qemu-source)
}

# QEMU's does not always fail when it finds something
kernel_doc() { # SCRIPT OPTION FIND-EXPRESSION... TREE
	cd "${*: -1}" || return
	! find . "${@:3:$#-3}" -name '*.[ch]' -exec "$1" -none "$2" '{}' + 2>&1 |
		grep .
}

# The kernel's, and QEMU's with its own habits
lint_kernel_doc() {
	clean kernel-doc kernel_doc "$linux/scripts/kernel-doc" -Wall ! -path './qemu/*'
	bug "'fmt' not described" tools/libism/error.c 's/^ \* @fmt: .*/ */'
	bug "'maxstbl' not described" ism_vfio.h 's/^ \* @maxstbl: .*/ */'
	bug "No description found for return value" tools/libism/error.c 's/^ \* Return: .*/ */'
	clean "QEMU's kernel-doc" kernel_doc "$qemu/scripts/kernel-doc" -Werror -path './qemu/*'
	bug "'ISM_RET_REMOTE' not described" qemu/ism.h 's/^ \* @ISM_RET_REMOTE: .*/ */'
}

# Every document there is, as pages of one book
sphinx() { # TREE
	"$1/scripts/html" "$(mktemp -d "$dir/html.XXXXXX")"
}

in_tree() { (cd "$2" && "$1"); }

# The examples in the README are the ones that are built and run
examples_as_built() {
	python3 -c '
import sys
readme = open("README.rst").read()
for name in sys.argv[1:]:
    lines = open(name).read().splitlines()
    text = "".join(("  " + line).rstrip() + "\n" for line in lines)
    if text not in readme:
        sys.exit("README.rst has not what is in " + name)
' tools/examples/{identify,hello}.c
}

lint_sphinx() {
	clean 'examples in README.rst' in_tree examples_as_built
	bug 'README.rst has not' README.rst 's/ism_cmd_query_info/ism_cmd_read_gid/'
	clean 'sphinx -W' sphinx
	add 'Unknown target name' README.rst '\nSee nowhere_.'
	add 'Title underline too short' README.rst '\nToo short\n-----'
}

manuals() { # TREE
	cd "$1" || return
	mandoc -T lint -W warning tools/*/*.[138]
}

# What ism.h declares, one name per line
declared() {
	grep -v '^ \*' libism/include/ism.h | grep -oE '\bism_[a-z_]+\(' | tr -d '(' | sort -u
}

ismctl_commands() {
	sed -n 's/^COMMAND(\(.*\))$/\1/p' ismctl/commands.h
}

ismctl_options() {
	grep -ohE '\.name = "[a-z]+", \.key' ismctl/*.[ch] | cut -d'"' -f2 | sort -u
}

# What is missing of the library's functions in its manual and in what it exports,
# of ismctl's commands and options in its manual
missing() { # TREE
	local name
	cd "$1/tools" || return
	for name in $(declared); do
		grep -q "^\.Fn $name " libism/libism.3 || echo "libism.3: $name"
		[ "$name" = ism_signal_in ] || grep -q "^	$name;" libism/libism.map ||
			echo "libism.map: $name"
	done
	for name in $(ismctl_commands); do
		grep -q "^\.It Cm $name\$" ismctl/ismctl.1 || echo "ismctl.1: $name"
	done
	for name in $(ismctl_options); do
		grep -q "^\.It Fl . , Fl Fl $name\b" ismctl/ismctl.1 ||
			echo "ismctl.1: --$name"
	done
}

told() { (! missing "$1" | grep .) }

lint_man() {
	clean 'mandoc -T lint' manuals
	add 'unknown macro' tools/ismctl/ismctl.1 '.Xx nothing'
	clean 'manuals and libism.map have everything' told
	add 'libism.3: ism_nothing' tools/libism/include/ism.h 'int ism_nothing(void);'
	bug 'libism.map: ism_move' tools/libism/libism.map /ism_move/d
	bug 'ismctl.1: --svg' tools/ismctl/ismctl.1 's/Fl Fl svg/Fl Fl plot/'
}

shell_scripts() {
	grep -rlE --exclude-dir=.git '^#!.*[/ ](ba)?sh$|^# shellcheck shell=' .
}

lint_shellcheck() {
	clean shellcheck shellchecked
	# shellcheck disable=SC2016 # the bug
	add SC2086 scripts/demo 'echo $1'
	add SC3043 tests/tap.sh 'bad() { local i; }'
}

shellchecked() { # TREE
	cd "$1" || return
	shell_scripts | xargs shellcheck -x
}

lint_codespell() {
	clean codespell spelled
	add '==> Receive' README.rst 'Rec\x69eve.' # not to be found here
}

spelled() { # TREE
	cd "$1" || return
	# .Nd is a macro of manual pages
	codespell --check-hidden --skip=./LICENSES -L nd
}

# The copyright is in .reuse/dep5, for all files; it has to say a licence too,
# but each file has one of its own. Those for the kernel's Documentation/ABI, and
# some of Debian's, are the exception: they have no place for it.
licensed() { # TREE
	cd "$1" || return
	reuse lint || return 1
	! find . -type f ! -path './LICENSES/*' ! -path './.reuse/*' \
		! -path './Documentation/ABI/*' ! -path './VERSION' ! -path './debian/changelog' \
		! -path './debian/copyright' ! -path './debian/source/format' ! -path './debian/*.symbols' \
		-exec grep -L 'SPDX-License''-Identifier: ' '{}' + | grep .
}

lint_reuse() {
	clean 'reuse lint' licensed
	bug 'Missing licenses: BSD-2-Clause' main.c \
		's/\(License-Identifier\): .*/\1: BSD-2-Clause/'
	bug ./scripts/vm scripts/vm '/License-Identifier/d'
}
