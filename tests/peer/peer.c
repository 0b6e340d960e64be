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
#include "moves.h"

#define MOVES		10000
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
	run_moves(&down);
	run_moves(&up);
	return down.failure[0] ? down.failure : up.failure;
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
	run_moves(&r);
	EXPECT_STREQ("", r.failure);
	EXPECT_EQ(-ETIMEDOUT, self->from->ops->next(self->from, &ev, 0));
}

TEST_F(one_way, a_whole_dmb_of_1_mib_arrives_in_one_move)
{
	uint8_t *data = malloc(ISM_DMB_MAX);
	const void *got;
	uint64_t seed = 3;

	ASSERT_EQ(0, reg_both(&self->ends, ISM_DMB_MAX));
	random_fill(&seed, data, ISM_DMB_MAX);
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
		ASSERT_TRUE(stream_start(&s, self->from, tok));
		ASSERT_EQ(0, self->to->ops->unreg(self->to));
		stream_finish(&s);
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

	ASSERT_EQ(0, pthread_create(&thread, NULL, run_moves, &down));
	run_moves(&up);
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
	return !reg_both(e, DMB_LEN) && stream_start(down, &e->libism, e->kernel.tok) &&
	       stream_start(up, &e->kernel, e->libism.tok);
}

TEST_F_TIMEOUT(goes_away,
	       the_kernels_driver_unbound_is_an_error_on_both_sides_until_bound, 120)
{
	struct ends *e = &self->ends;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct stream down = {}, up = {};

		ASSERT_TRUE(start_both(e, &down, &up));
		ASSERT_TRUE(tell("ism", "unbind", function_a));
		stream_finish(&down);
		stream_finish(&up);
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
		stream_finish(&up);
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
	    stream_start(&s, &e->libism, e->kernel.tok) &&
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
	if (!stream_start(up, &e->kernel, tok))
		return "no thread";
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return "the process had ended before";
	stream_finish(up);
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
