// SPDX-License-Identifier: MIT
/*
 * A function that fails, at each instruction of a transfer in turn
 *
 * The device model is told through QMP which load or store is to fail, and how.
 * The caller has to get the error that belongs to it, the same transfer has to
 * work after a reset, and two other functions must not notice: B, with which A
 * has to do, and C.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "machine.h"
#include "part.h"

#define A		"ism0"		/* as QEMU names the functions */
#define B		"ism1"
#define PATIENCE_MS	60000
#define DMB_LEN		(4 * ISM_PAGE)
#define DATA_LEN	(2 * ISM_PAGE)
#define AT		(ISM_PAGE - 100)	/* so that it is three stores */
#define SIGNAL		5
#define EVENT_CODE	42
#define EVENT_RECOVERABLE 0x3a
#define EVENT_PERMANENT	0x3b
#define OPEN_TRIES	100
#define BUSY		20		/* at most, times in a row */
#define FEWEST		5		/* loads or stores of anything */

/* Statuses that the architecture has for loads and stores */
static const uint8_t statuses[] = { 4, 8, 12, 16, 20, 24, 28, 36, 40, 44 };

/**
 * struct failure - how an instruction fails
 * @cc: condition code; with 1, a status comes along
 * @pgm: program exception instead
 * @pec: code of a zPCI error event that comes along
 * @no_eventfd: nobody listens for error events
 * @error: that the caller has to get
 */
struct failure {
	uint8_t cc;
	uint16_t pgm;
	uint16_t pec;
	bool no_eventfd;
	int error;
};

static const struct failure failures[] = {
	{ .cc = 1, .error = EIO },
	{ .cc = 2 },
	{ .cc = 3, .error = EIO },
	{ .pgm = 0x06, .error = ENXIO },
	{ .pgm = 0x15, .error = ENXIO },
	{ .cc = 1, .pec = EVENT_RECOVERABLE, .error = EIO },
	{ .cc = 1, .pec = EVENT_RECOVERABLE, .no_eventfd = true, .error = EIO },
};

static int set_fault(const char *what, const char *property, uint64_t value)
{
	char name[64];

	snprintf(name, sizeof(name), "x-%s-fault-%s", what, property);
	return machine_set(A, name, value);
}

static int disarm(void)
{
	return set_fault("store", "count", 0) || set_fault("load", "count", 0);
}

FIXTURE(device)
{
	struct ism *a, *b;
	struct ism_dmb *to_b;		/* B's, for A to store to */
	uint8_t data[DATA_LEN];
	struct bystander c;
	unsigned long transfers;
	unsigned long faults;
	unsigned long events;
	unsigned long given_up;		/* by the kernel, and brought back by hand */
	int log;			/* of the kernel, from the test's start */
};

FIXTURE_SETUP(device)
{
	uint64_t gid;

	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, self->log);
	lseek(self->log, 0, SEEK_END);
	ASSERT_EQ(0, machine_open());
	ASSERT_EQ(0, disarm());
	ASSERT_EQ(0, bystander_start(&self->c, FUNCTION_C))
		TH_LOG("%s", self->c.shared->why);
	self->a = ism_new();
	self->b = ism_new();
	ASSERT_EQ(0, machine_get(A, "gid", &gid));
	ASSERT_EQ(0, ism_open(self->b, FUNCTION_B, part_interface()))
		TH_LOG("%s", ism_strerror(self->b));
	ASSERT_EQ(0, ism_dmb_alloc(self->b, DMB_LEN, gid, ISM_NO_VLAN,
				   &self->to_b))
		TH_LOG("%s", ism_strerror(self->b));
}

FIXTURE_TEARDOWN(device)
{
	ism_free(self->a);
	ism_free(self->b);
	EXPECT_STREQ("", bystander_stop(&self->c));
	machine_close();
	close(self->log);
	part_did("operations", self->transfers);
	part_did("faults", self->faults);
	part_did("events", self->events);
	part_did("given-up", self->given_up);
	part_did("survived", self->faults);
}

/* A signal of @dmb, whatever events come before it */
static int wait_for_signal(struct ism *ism, const struct ism_dmb *dmb)
{
	struct ism_event ev;
	int ret;

	while ((ret = ism_wait(ism, PATIENCE_MS)) == 1)
		while (ism_next_event(ism, &ev))
			if (ev.kind == ISM_EVENT_SIGNAL && ev.dmb == dmb)
				return ism_signal_in(ev.mask, SIGNAL) ? 0 : -EBADMSG;
	return ret ?: -ETIMEDOUT;
}

static int move_and_check(FIXTURE_DATA(device) *self, struct ism *from,
			  const struct ism_dmb *to)
{
	int ret;

	part_fill(self->data, sizeof(self->data));
	ret = ism_move(from, to->tok, AT, self->data, DATA_LEN, SIGNAL);
	if (!ret)
		ret = wait_for_signal(to->ism, to);
	if (!ret && memcmp((uint8_t *)to->mem + AT, self->data, DATA_LEN))
		ret = -EBADMSG;
	return ret;
}

static int ignore_error_events(const struct ism *ism)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_ERR_IRQ_INDEX,
	};

	return ioctl(ism_device_fd(ism), VFIO_DEVICE_SET_IRQS, &set) ? -errno : 0;
}

/*
 * The kernel may still be at an error event: then it cannot be opened, or not be
 * reset for as long as it is open. See Documentation/upstream.rst.
 */
static int open_in_the_end(struct ism *ism)
{
	int ret, tries = OPEN_TRIES;

	do {
		ret = ism_open(ism, FUNCTION_A, part_interface()) ?:
		      ism_reset(ism);
		if (!ret)
			break;
		ism_close(ism);
		usleep(10000);
	} while (--tries);
	return ret;
}

/* What the administrator does, also where its reset_method is lost by that */
static int bring_back(void)
{
	return part_write(DEVICES FUNCTION_A "/recover", "1") ?:
	       part_rescan(FUNCTION_A) ?: part_bind(FUNCTION_A);
}

/* Whether the kernel's log, in what is new of it, says that it gave A up */
static bool was_given_up(FIXTURE_DATA(device) *self)
{
	static const char verdict[] = FUNCTION_A ": Automatic recovery failed";
	bool said = false;
	char line[2048];		/* longer than any */
	ssize_t len;

	/* a read is a line, or EPIPE for those that are lost */
	while ((len = read(self->log, line, sizeof(line) - 1)) > 0 ||
	       (len < 0 && errno == EPIPE)) {
		line[len > 0 ? len : 0] = 0;
		said |= !!strstr(line, verdict);
	}
	return said;
}

/*
 * The kernel gives a function up when its own reset meets the IOMMU's domains
 * that come and go with an open and a close. See Documentation/upstream.rst.
 */
static int open_by_all_means(FIXTURE_DATA(device) *self)
{
	int ret = open_in_the_end(self->a);

	if (ret != -ENODEV || !was_given_up(self))
		return ret;
	self->given_up++;
	return bring_back() ?: open_in_the_end(self->a);
}

/* What a function does for its user, each way */
static int transfer(FIXTURE_DATA(device) *self)
{
	uint64_t peer = ism_gid(self->b);
	struct ism_dmb *to_a;
	int ret;

	self->transfers++;
	ret = ism_cmd_query_rgid(self->a, peer, ISM_NO_VLAN);
	if (!ret)
		ret = ism_dmb_alloc(self->a, DMB_LEN, peer, ISM_NO_VLAN, &to_a);
	if (ret)
		return ret;
	ret = move_and_check(self, self->a, self->to_b);
	if (!ret)
		ret = ism_cmd_signal_ieq(self->a, peer, true, EVENT_CODE, 0);
	if (!ret)
		ret = move_and_check(self, self->b, to_a);
	/* it is the last step, or cleans up after another that failed */
	return ism_dmb_free(to_a) ?: ret;
}

/*
 * Instructions fail from the one after @skip others on: a function that is busy
 * is so for a while, others fail for ever. Statuses take turns, so that each
 * comes at each instruction in the end.
 */
static int arm(const char *what, const struct failure *f, unsigned int skip)
{
	static unsigned int turn;
	uint8_t status = statuses[turn++ % ARRAY_SIZE(statuses)];
	uint32_t count = f->error ? UINT32_MAX : 1 + part_chance(BUSY);

	return set_fault(what, "skip", skip) || set_fault(what, "cc", f->cc) ||
	       set_fault(what, "status", status) ||
	       set_fault(what, "pgm", f->pgm) || set_fault(what, "pec", f->pec) ||
	       set_fault(what, "count", count);
}

static uint64_t faults_so_far(void)
{
	uint64_t n = 0;

	return machine_get(A, "faults", &n) ? 0 : n;
}

static int wait_for_error_event(struct ism *ism)
{
	struct ism_event ev;
	int ret;

	while ((ret = ism_wait(ism, PATIENCE_MS)) == 1)
		while (ism_next_event(ism, &ev))
			if (ev.kind == ISM_EVENT_ERROR)
				return 0;
	return ret ?: -ETIMEDOUT;
}

/*
 * The kernel handles events one after the other: when one of B comes out, those
 * of A, of which there is one for each instruction that failed, are done with
 */
static int let_events_pass(FIXTURE_DATA(device) *self)
{
	int ret = machine_set(B, "x-error-event", EVENT_RECOVERABLE);

	ret = ret ?: wait_for_error_event(self->b);
	return ret ?: ism_reset(self->b);
}

static void show(const char *what, const struct failure *f, unsigned int skip,
		 struct ism *ism)
{
	printf("# %s %u, cc %u, pgm %#x, pec %#x: %s\n", what, skip, f->cc,
	       f->pgm, f->pec, ism_strerror(ism));
}

/*
 * One transfer with a failure, after which a reset has to be enough. Returns how
 * many instructions failed.
 */
static uint64_t fail_transfer(struct __test_metadata *_metadata,
			      FIXTURE_DATA(device) *self, const char *what,
			      const struct failure *f, unsigned int skip)
{
	uint64_t before = faults_so_far(), failed;
	int ret;

	ASSERT_EQ(0, arm(what, f, skip));
	ret = transfer(self);
	failed = faults_so_far() - before;
	EXPECT_EQ(failed ? -f->error : 0, ret)
		show(what, f, skip, self->a);
	if (failed && f->pec && !f->no_eventfd)
		EXPECT_EQ(0, wait_for_error_event(self->a));
	ASSERT_EQ(0, disarm());
	ASSERT_EQ(0, failed && f->pec ? let_events_pass(self) : 0)
		show(what, f, skip, self->b);
	ASSERT_EQ(0, failed ? ism_reset(self->a) : 0)
		show(what, f, skip, self->a);
	ASSERT_EQ(0, transfer(self))
		show(what, f, skip, self->a);
	return failed;
}

/* The same while the function is opened, or closed: that returns nothing */
static uint64_t fail_opening(struct __test_metadata *_metadata,
			     FIXTURE_DATA(device) *self, const char *what,
			     const struct failure *f, unsigned int skip)
{
	uint64_t before = faults_so_far(), failed;
	int ret;

	ASSERT_EQ(0, arm(what, f, skip));
	ret = ism_open(self->a, FUNCTION_A, part_interface());
	failed = faults_so_far() - before;
	EXPECT_TRUE(f->pec && failed ? ret < 0 :
				       ret == (failed ? -f->error : 0))
		show(what, f, skip, self->a);
	ism_close(self->a);
	failed = faults_so_far() - before;
	ASSERT_EQ(0, disarm());
	ASSERT_EQ(0, failed && f->pec ? let_events_pass(self) : 0)
		show(what, f, skip, self->b);
	ASSERT_EQ(0, f->pec ? open_by_all_means(self) :
			      ism_open(self->a, FUNCTION_A, part_interface()))
		show(what, f, skip, self->a);
	ASSERT_EQ(0, transfer(self))
		show(what, f, skip, self->a);
	ism_close(self->a);
	return failed;
}

typedef uint64_t (*fail_one_t)(struct __test_metadata *_metadata,
			       FIXTURE_DATA(device) *self, const char *what,
			       const struct failure *f, unsigned int skip);

/* At each load, then at each store, until there is none any more */
static void fail_each(struct __test_metadata *_metadata,
		      FIXTURE_DATA(device) *self, fail_one_t fail_one,
		      const struct failure *f)
{
	static const char * const instructions[] = { "load", "store" };

	for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
		unsigned int skip = 0;
		uint64_t failed;

		do {
			failed = fail_one(_metadata, self, instructions[i], f,
					  skip++);
			self->faults += failed;
			self->events += failed && f->pec;
		} while (failed);
		EXPECT_LT(FEWEST, skip);
	}
}

static int open_for(FIXTURE_DATA(device) *self, const struct failure *f)
{
	int ret = ism_open(self->a, FUNCTION_A, part_interface());

	if (!ret && f->no_eventfd)
		ret = ignore_error_events(self->a);
	return ret;
}

TEST_F_TIMEOUT(device, that_fails_in_a_transfer_gives_an_error_and_works_after_a_reset, HANGS)
{
	struct part_time time = part_time(50);

	do {
		for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
			ASSERT_EQ(0, open_for(self, &failures[i]));
			fail_each(_metadata, self, fail_transfer, &failures[i]);
			ism_close(self->a);
		}
	} while (part_goes_on(&time));
}

TEST_F_TIMEOUT(device, that_fails_while_it_is_opened_or_closed_can_be_opened_again, HANGS)
{
	struct part_time time = part_time(30);

	do {
		for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
			if (!failures[i].no_eventfd)
				fail_each(_metadata, self, fail_opening,
					  &failures[i]);
	} while (part_goes_on(&time));
}

/* ---- error events that come by themselves ------------------------------------ */

/* Nobody has it open: the kernel sees to it that the next user can */
TEST_F_TIMEOUT(device, with_an_error_event_while_it_is_closed_can_be_opened, HANGS)
{
	struct part_time time = part_time(5);

	do {
		ASSERT_EQ(0, machine_set(A, "x-error-event", EVENT_RECOVERABLE));
		ASSERT_EQ(0, let_events_pass(self))
			TH_LOG("%s", ism_strerror(self->b));
		ASSERT_EQ(0, open_in_the_end(self->a))
			TH_LOG("%s", ism_strerror(self->a));
		ASSERT_EQ(0, transfer(self))
			TH_LOG("%s", ism_strerror(self->a));
		ism_close(self->a);
		self->events += 2;
		self->faults += 2;
	} while (part_goes_on(&time));
}

/* B cannot receive then: it has other DMBs after its reset, A needs none */
TEST_F_TIMEOUT(device, with_an_error_event_does_not_take_its_peer_along, HANGS)
{
	struct part_time time = part_time(10);

	ASSERT_EQ(0, ism_open(self->a, FUNCTION_A, part_interface()));
	do {
		ASSERT_EQ(0, machine_set(B, "x-error-event", EVENT_RECOVERABLE));
		ASSERT_EQ(0, wait_for_error_event(self->b));
		ASSERT_EQ(0, ism_reset(self->b))
			TH_LOG("%s", ism_strerror(self->b));
		ASSERT_EQ(0, transfer(self))
			TH_LOG("%s", ism_strerror(self->a));
		self->events++;
		self->faults++;
	} while (part_goes_on(&time));
}

/* Where the machine has given it up, the user is told; it is brought back by hand */
TEST_F_TIMEOUT(device, that_failed_for_good_is_told_of_and_can_be_recovered_by_hand, HANGS)
{
	struct part_time time = part_time(5);

	do {
		ASSERT_EQ(0, ism_open(self->a, FUNCTION_A, part_interface()))
			TH_LOG("%s", ism_strerror(self->a));
		ASSERT_EQ(0, machine_set(A, "x-error-event", EVENT_PERMANENT));
		ASSERT_EQ(0, wait_for_error_event(self->a));
		ASSERT_EQ(-EIO, transfer(self));
		ism_close(self->a);
		ASSERT_EQ(0, bring_back());
		ASSERT_EQ(0, ism_open(self->a, FUNCTION_A, part_interface()))
			TH_LOG("%s", ism_strerror(self->a));
		ASSERT_EQ(0, transfer(self))
			TH_LOG("%s", ism_strerror(self->a));
		ism_close(self->a);
		self->events++;
		self->faults++;
	} while (part_goes_on(&time));
}

TEST_HARNESS_MAIN
