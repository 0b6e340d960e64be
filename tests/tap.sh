# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# TAP for shell tests: "tap NAME COMMAND..." is one test, which passes when
# COMMAND succeeds and shows what it printed when it does not; "tap_end" last

tap_count=0
tap_failed=0

tap() {
	tap_count=$((tap_count + 1))
	tap_name=$1
	shift
	if tap_output=$("$@" 2>&1); then
		echo "ok $tap_count $tap_name"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count $tap_name"
		echo "$tap_output" | sed 's/^/# /'
	fi
}

tap_end() {
	echo "1..$tap_count"
	[ $tap_failed = 0 ]
}

# equal WANT GOT
equal() {
	[ "$1" = "$2" ] || {
		echo "wanted: $1"
		echo "got:    $2"
		return 1
	}
}

# status WANT COMMAND...: COMMAND's output stays visible
status() {
	tap_want=$1
	shift
	"$@"
	equal "$tap_want" $?
}

# says TEXT COMMAND...: COMMAND fails, and its message has TEXT in it
says() {
	tap_want=$1
	shift
	if tap_said=$("$@" 2>&1); then
		echo "succeeded: $*"
		return 1
	fi
	case $tap_said in
	*"$tap_want"*) ;;
	*)
		echo "wanted: ...$tap_want..."
		echo "got:    $tap_said"
		return 1
		;;
	esac
}
