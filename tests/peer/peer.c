// SPDX-License-Identifier: MIT
/*
 * libism over ism-vfio-pci with the kernel's own ism driver as the other side,
 * each with a function of one fabric
 *
 * The kernel's function is behind the node PEER_NODE, /dev/dibs-ism11 without,
 * and has the PCI name PEER_A; libism's has PEER_B. Needs root, for it unbinds
 * both.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "kselftest_harness.h"
#include "end.h"

#define MOVES		10000
#define SIZES		4096u		/* each of these once, then longer ones */
#define LONGEST		(16u << 10)
#define DMB_LEN		(256u << 10)
#define GUARD		64u		/* looked at on both sides of a move */
#define WHOLE		1000		/* moves after which all is looked at */
#define PATIENCE	10000		/* ms; only a failure waits that long */
#define ROUNDS		5

static const char *node, *function_a, *function_b;

static void __attribute__((constructor)) name_functions(void)
{
	node = getenv("PEER_NODE") ?: "/dev/dibs-ism11";
	function_a = getenv("PEER_A") ?: "0011:00:00.0";
	function_b = getenv("PEER_B") ?: "0012:00:00.0";
}

/* ---- both ends ----------------------------------------------------------- */

struct ends {
	struct end kernel;
	struct end libism;
};

static int reg_both(struct ends *e, size_t len)
{
	int ret;

	ret = e->kernel.ops->reg(&e->kernel, e->libism.gid, len);
	return ret ? ret : e->libism.ops->reg(&e->libism, e->kernel.gid, len);
}

static void unreg_both(struct ends *e)
{
	e->kernel.ops->unreg(&e->kernel);
	e->libism.ops->unreg(&e->libism);
}

/* An end that was closed meanwhile comes back as it was */
static int reopen(struct end *e, const struct end_ops *ops, const char *name)
{
	*e = (struct end) { .ops = ops, .name = name };
	return ops->open(e);
}

/* Empty, or what was wrong; so do others that follow */
static const char *open_both(struct ends *e)
{
	int ret;

	ret = reopen(&e->kernel, &end_kernel, node);
	if (ret)
		return strerror(-ret);
	ret = reopen(&e->libism, &end_libism, function_b);
	return ret ? ism_strerror(e->libism.ism) : "";
}

static void close_both(struct ends *e)
{
	if (e->libism.ops)
		e->libism.ops->close(&e->libism);
	if (e->kernel.ops)
		e->kernel.ops->close(&e->kernel);
}

/* The first event of that type and code; others before it are let through */
static bool await(struct end *e, uint32_t type, uint32_t code, uint64_t tok)
{
	struct ism_event ev;

	do {
		if (e->ops->next(e, &ev, PATIENCE))
			return false;
	} while (ev.kind != ISM_EVENT_IEQ || ev.type != type ||
		 ev.code != code || ev.tok != tok);
	return true;
}

static void drain(struct end *e)
{
	struct ism_event ev;

	while (!e->ops->next(e, &ev, 0))
		;
}

/* ---- moves, looked at ---------------------------------------------------- */

/**
 * struct run - moves of all sizes from one end to the other
 * @from: who moves
 * @to: in whose DMB, which nobody else writes, and which is empty
 * @moves: how many
 * @seed: of the sizes, the places and the bytes
 * @want: what the DMB has to look like
 * @failure: empty, or what was wrong
 */
struct run {
	struct end *from;
	struct end *to;
	unsigned int moves;
	uint64_t seed;
	uint8_t *want;
	char failure[128];
};

__attribute__((format(printf, 2, 3)))
static bool fail(struct run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->failure, sizeof(r->failure), fmt, ap);
	va_end(ap);
	return false;
}

/* xorshift64 */
static uint64_t any(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void fill(uint64_t *seed, uint8_t *data, size_t len)
{
	while (len) {
		uint64_t bytes = any(seed);
		size_t n = len < sizeof(bytes) ? len : sizeof(bytes);

		memcpy(data, &bytes, n);
		data += n;
		len -= n;
	}
}

static bool looks_right(struct run *r, unsigned int n, uint32_t first, uint32_t end)
{
	const uint8_t *got = r->to->ops->look(r->to, first, end - first);

	if (!got)
		return fail(r, "move %u: the DMB cannot be looked at", n);
	if (!memcmp(got, r->want + first, end - first))
		return true;
	while (*got == r->want[first]) {
		got++;
		first++;
	}
	return fail(r, "move %u: byte %u is %#x, not %#x", n, first, *got, r->want[first]);
}

/* Exactly this signal; what was told about DMBs of before may come late */
static bool signalled(struct run *r, unsigned int n, int signal)
{
	struct ism_event ev;
	int ret;

	do
		ret = r->to->ops->next(r->to, &ev, PATIENCE);
	while (!ret && ev.kind == ISM_EVENT_IEQ && ev.type != ISM_IEQ_SOFTWARE);
	if (ret)
		return fail(r, "move %u: no signal: %s", n, strerror(-ret));
	if (ev.kind != ISM_EVENT_SIGNAL || ev.mask != 0x8000u >> signal)
		return fail(r, "move %u: event %d with mask %#x is not signal %d",
			    n, ev.kind, ev.mask, signal);
	return true;
}

static bool one_move(struct run *r, unsigned int n)
{
	uint32_t len = n < SIZES ? n + 1 : any(&r->seed) % LONGEST + 1;
	uint32_t offset = any(&r->seed) % (DMB_LEN - len + 1);
	uint32_t first = offset < GUARD ? 0 : offset - GUARD;
	uint32_t end = offset + len + GUARD;
	int ret;

	if (end > DMB_LEN)
		end = DMB_LEN;
	fill(&r->seed, r->want + offset, len);
	ret = r->from->ops->move(r->from, r->to->tok, offset, r->want + offset,
				 len, n % ISM_SIGNALS);
	if (ret)
		return fail(r, "move %u of %u bytes to %u: %s", n, len, offset,
			    strerror(-ret));
	if (!signalled(r, n, n % ISM_SIGNALS))
		return false;
	if (n % WHOLE == WHOLE - 1 || n == r->moves - 1) {
		first = 0;
		end = DMB_LEN;
	}
	return looks_right(r, n, first, end);
}

static void *run(void *arg)
{
	struct run *r = arg;

	r->want = calloc(1, DMB_LEN);
	if (!r->want)
		fail(r, "out of memory");
	for (unsigned int n = 0; r->want && n < r->moves; n++)
		if (!one_move(r, n))
			break;
	free(r->want);
	return NULL;
}

/* Some moves each way, in new DMBs */
static const char *works(struct ends *e)
{
	static struct run down, up;
	int ret;

	drain(&e->kernel);
	drain(&e->libism);
	ret = reg_both(e, DMB_LEN);
	if (ret)
		return strerror(-ret);
	down = (struct run) {
		.from = &e->libism, .to = &e->kernel, .moves = 100, .seed = 1,
	};
	up = (struct run) {
		.from = &e->kernel, .to = &e->libism, .moves = 100, .seed = 2,
	};
	run(&down);
	run(&up);
	return down.failure[0] ? down.failure : up.failure;
}

/* ---- moves without a pause ----------------------------------------------- */

/**
 * struct stream - moves that go on until one fails
 * @from: who moves
 * @tok: where to
 * @watch: look for a request to give the function back after each move
 * @moves: that succeeded
 * @over: set by somebody when no move may succeed any more
 * @late: moves that did all the same
 * @error: what ended it
 * @thread: that moves
 */
struct stream {
	struct end *from;
	uint64_t tok;
	bool watch;
	unsigned int moves;
	bool over;
	unsigned int late;
	int error;
	pthread_t thread;
};

static bool is_requested(struct end *e)
{
	struct ism_event ev;

	return !e->ops->next(e, &ev, 0) && ev.kind == ISM_EVENT_REQUEST;
}

static void *flow(void *arg)
{
	static const char data[2 * ISM_PAGE];
	struct stream *s = arg;
	int ret = 0;

	while (!ret && !s->late) {
		bool over = __atomic_load_n(&s->over, __ATOMIC_SEQ_CST);

		ret = s->from->ops->move(s->from, s->tok, 100, data,
					 sizeof(data), ISM_NO_SIGNAL);
		if (!ret) {
			__atomic_fetch_add(&s->moves, 1, __ATOMIC_SEQ_CST);
			s->late += over;
		}
		if (s->watch && is_requested(s->from))
			ret = -ECANCELED;
	}
	__atomic_store_n(&s->error, ret, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Until it is well under way, or failed */
static bool start(struct stream *s, struct end *from, uint64_t tok)
{
	s->from = from;
	s->tok = tok;
	if (pthread_create(&s->thread, NULL, flow, s))
		return false;
	while (__atomic_load_n(&s->moves, __ATOMIC_SEQ_CST) < 100 &&
	       !__atomic_load_n(&s->error, __ATOMIC_SEQ_CST))
		usleep(1000);
	return true;
}

static void finish(struct stream *s)
{
	__atomic_store_n(&s->over, true, __ATOMIC_SEQ_CST);
	pthread_join(s->thread, NULL);
}

/* ---- one way, then the other --------------------------------------------- */

FIXTURE(one_way)
{
	struct ends ends;
	struct end *from, *to;
};

FIXTURE_VARIANT(one_way)
{
	bool to_kernel;
};

FIXTURE_VARIANT_ADD(one_way, to_the_kernels_driver)
{
	.to_kernel = true,
};

FIXTURE_VARIANT_ADD(one_way, from_the_kernels_driver)
{
	.to_kernel = false,
};

FIXTURE_SETUP(one_way)
{
	struct ends *e = &self->ends;

	ASSERT_STREQ("", open_both(e));
	ASSERT_NE(e->kernel.gid, e->libism.gid);
	self->from = variant->to_kernel ? &e->libism : &e->kernel;
	self->to = variant->to_kernel ? &e->kernel : &e->libism;
}

FIXTURE_TEARDOWN(one_way)
{
	close_both(&self->ends);
}

TEST_F_TIMEOUT(one_way,
	       ten_thousand_moves_of_every_size_arrive_each_with_its_signal, 300)
{
	struct run r = {
		.from = self->from, .to = self->to, .moves = MOVES,
		.seed = 0x49534d,
	};
	struct ism_event ev;

	ASSERT_EQ(0, reg_both(&self->ends, DMB_LEN));
	run(&r);
	EXPECT_STREQ("", r.failure);
	EXPECT_EQ(-ETIMEDOUT, self->from->ops->next(self->from, &ev, 0));
}

TEST_F(one_way, a_whole_dmb_of_1_mib_arrives_in_one_move)
{
	uint8_t *data = malloc(ISM_DMB_MAX);
	const void *got;
	uint64_t seed = 3;

	ASSERT_EQ(0, reg_both(&self->ends, ISM_DMB_MAX));
	fill(&seed, data, ISM_DMB_MAX);
	ASSERT_EQ(0, self->from->ops->move(self->from, self->to->tok, 0, data,
					   ISM_DMB_MAX, ISM_NO_SIGNAL));
	got = self->to->ops->look(self->to, 0, ISM_DMB_MAX);
	ASSERT_NE(NULL, got);
	EXPECT_EQ(0, memcmp(data, got, ISM_DMB_MAX));
	free(data);
}

/* The queue has 15 entries: many times around */
TEST_F(one_way, events_arrive_with_sender_code_and_info_in_order)
{
	struct ism_event ev;

	for (unsigned int i = 0; i < 200; i++) {
		uint64_t info = 0x0123456789abcdefull * (i + 1);

		ASSERT_EQ(0, self->from->ops->send(self->from, self->to->gid,
						   true, i ^ 0xdeadbeef, info));
		ASSERT_EQ(0, self->to->ops->next(self->to, &ev, PATIENCE));
		ASSERT_EQ(ISM_EVENT_IEQ, ev.kind);
		ASSERT_EQ(ISM_IEQ_SOFTWARE, ev.type);
		ASSERT_EQ(self->from->gid, ev.tok);
		ASSERT_EQ(i ^ 0xdeadbeef, ev.code);
		ASSERT_EQ(info, ev.info);
	}
	EXPECT_EQ(-ETIMEDOUT, self->to->ops->next(self->to, &ev, 0));
}

TEST_F(one_way, events_without_an_interrupt_come_with_the_next_that_has_one)
{
	struct ism_event ev;

	for (unsigned int i = 0; i < 10; i++)
		ASSERT_EQ(0, self->from->ops->send(self->from, self->to->gid,
						   i == 9, i, 0));
	for (unsigned int i = 0; i < 10; i++) {
		ASSERT_EQ(0, self->to->ops->next(self->to, &ev, PATIENCE));
		ASSERT_EQ(i, ev.code);
	}
}

TEST_F_TIMEOUT(one_way,
	       a_dmb_unregistered_under_traffic_ends_it_and_the_mover_is_told, 120)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct stream s = {};
		uint64_t tok;

		ASSERT_EQ(0, reg_both(&self->ends, DMB_LEN));
		tok = self->to->tok;
		ASSERT_TRUE(start(&s, self->from, tok));
		ASSERT_EQ(0, self->to->ops->unreg(self->to));
		finish(&s);
		EXPECT_EQ(-EIO, s.error);
		EXPECT_EQ(0, s.late);
		ASSERT_TRUE(await(self->from, ISM_IEQ_BUFFER,
				  ISM_BUF_DMB_UNREGISTERED, tok));
		self->from->ops->unreg(self->from);
		ASSERT_STREQ("", works(&self->ends));
		unreg_both(&self->ends);
	}
}

/* ---- both ways ----------------------------------------------------------- */

FIXTURE(both_ways)
{
	struct ends ends;
};

FIXTURE_SETUP(both_ways)
{
	ASSERT_STREQ("", open_both(&self->ends));
	ASSERT_EQ(0, reg_both(&self->ends, DMB_LEN));
}

FIXTURE_TEARDOWN(both_ways)
{
	close_both(&self->ends);
}

TEST_F_TIMEOUT(both_ways, moves_of_every_size_arrive_at_once, 300)
{
	struct run down = {
		.from = &self->ends.libism, .to = &self->ends.kernel,
		.moves = SIZES, .seed = 4,
	};
	struct run up = {
		.from = &self->ends.kernel, .to = &self->ends.libism,
		.moves = SIZES, .seed = 5,
	};
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, run, &down));
	run(&up);
	pthread_join(thread, NULL);
	EXPECT_STREQ("", up.failure);
	EXPECT_STREQ("", down.failure);
}

/* ---- a side that goes away in mid transfer -------------------------------- */

/* driver "ism" or "ism_vfio_pci", file "bind" or "unbind" */
static bool tell(const char *driver, const char *file, const char *function)
{
	char path[64];
	bool done;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/%s", driver, file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	done = write(fd, function, strlen(function)) > 0;
	close(fd);
	return done;
}

static void *unbind_libism(void *done)
{
	*(bool *)done = tell("ism_vfio_pci", "unbind", function_b);
	return NULL;
}

FIXTURE(goes_away)
{
	struct ends ends;
};

FIXTURE_SETUP(goes_away)
{
	ASSERT_STREQ("", open_both(&self->ends));
}

FIXTURE_TEARDOWN(goes_away)
{
	close_both(&self->ends);
}

static bool start_both(struct ends *e, struct stream *down, struct stream *up)
{
	return !reg_both(e, DMB_LEN) && start(down, &e->libism, e->kernel.tok) &&
	       start(up, &e->kernel, e->libism.tok);
}

TEST_F_TIMEOUT(goes_away,
	       the_kernels_driver_unbound_is_an_error_on_both_sides_until_bound, 120)
{
	struct ends *e = &self->ends;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct stream down = {}, up = {};

		ASSERT_TRUE(start_both(e, &down, &up));
		ASSERT_TRUE(tell("ism", "unbind", function_a));
		finish(&down);
		finish(&up);
		EXPECT_EQ(-EIO, down.error);
		EXPECT_EQ(0, down.late);
		EXPECT_EQ(-ENODEV, up.error);
		EXPECT_EQ(0, up.late);
		ASSERT_TRUE(await(&e->libism, ISM_IEQ_BUFFER,
				  ISM_BUF_DMB_UNREGISTERED, down.tok));

		e->kernel.ops->close(&e->kernel);
		e->libism.ops->unreg(&e->libism);
		ASSERT_TRUE(tell("ism", "bind", function_a));
		ASSERT_EQ(0, reopen(&e->kernel, &end_kernel, node));
		ASSERT_STREQ("", works(e));
		unreg_both(e);
	}
}

TEST_F_TIMEOUT(goes_away,
	       our_driver_unbound_is_a_request_here_an_error_there_until_bound, 120)
{
	struct ends *e = &self->ends;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct stream down = { .watch = true }, up = {};
		bool unbound = false;
		pthread_t thread;

		ASSERT_TRUE(start_both(e, &down, &up));
		ASSERT_EQ(0, pthread_create(&thread, NULL, unbind_libism, &unbound));
		pthread_join(down.thread, NULL);
		EXPECT_EQ(-ECANCELED, down.error);

		e->libism.ops->close(&e->libism);
		finish(&up);
		pthread_join(thread, NULL);
		EXPECT_TRUE(unbound);
		EXPECT_EQ(-EIO, up.error);
		EXPECT_EQ(0, up.late);
		ASSERT_TRUE(await(&e->kernel, ISM_IEQ_BUFFER,
				  ISM_BUF_DMB_UNREGISTERED, up.tok));

		e->kernel.ops->unreg(&e->kernel);
		ASSERT_TRUE(tell("ism_vfio_pci", "bind", function_b));
		ASSERT_EQ(0, reopen(&e->libism, &end_libism, function_b));
		ASSERT_STREQ("", works(e));
		unreg_both(e);
	}
}

/* A process with libism's end, which it opens, that moves until it is killed */
static void move_for_ever(struct ends *e, int tell_fd)
{
	struct stream s = {};

	if (!reopen(&e->libism, &end_libism, function_b) &&
	    !e->libism.ops->reg(&e->libism, e->kernel.gid, DMB_LEN) &&
	    start(&s, &e->libism, e->kernel.tok) &&
	    write(tell_fd, &e->libism.tok, sizeof(e->libism.tok)) > 0)
		pthread_join(s.thread, NULL);
	_exit(1);
}

/* Moves to a process that moves back, up to its end; @up is from the kernel */
static const char *kill_the_other(struct ends *e, struct stream *up)
{
	int fds[2], status;
	uint64_t tok;
	pid_t pid;

	if (pipe(fds))
		return "no pipe";
	pid = fork();
	if (!pid)
		move_for_ever(e, fds[1]);
	close(fds[1]);
	if (pid < 0 || read(fds[0], &tok, sizeof(tok)) != sizeof(tok))
		return "the process does not move";
	close(fds[0]);
	/* what its opening caused */
	drain(&e->kernel);
	if (!start(up, &e->kernel, tok))
		return "no thread";
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return "the process had ended before";
	finish(up);
	return "";
}

TEST_F_TIMEOUT(goes_away,
	       libisms_process_killed_is_an_error_there_until_another_comes, 120)
{
	struct ends *e = &self->ends;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct stream up = {};

		ASSERT_EQ(0, e->kernel.ops->reg(&e->kernel, e->libism.gid, DMB_LEN));
		e->libism.ops->close(&e->libism);
		ASSERT_STREQ("", kill_the_other(e, &up));
		EXPECT_EQ(-EIO, up.error);
		EXPECT_EQ(0, up.late);
		ASSERT_TRUE(await(&e->kernel, ISM_IEQ_DEVICE,
				  ISM_DEV_GID_DISABLED, e->libism.gid));

		e->kernel.ops->unreg(&e->kernel);
		ASSERT_EQ(0, reopen(&e->libism, &end_libism, function_b));
		ASSERT_STREQ("", works(e));
		unreg_both(e);
	}
}

TEST_HARNESS_MAIN
