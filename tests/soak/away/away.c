// SPDX-License-Identifier: MIT
/*
 * Functions, modules and processes that go away in the midst of it
 *
 * Function A goes and comes, by its own machine's QMP, by zPCI, by its driver,
 * while one process or another uses it; B receives what A stores; C must not
 * notice.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "machine.h"
#include "part.h"
#include "user.h"

#define A_ID		"ism0"		/* FUNCTION_A, as QEMU names it */
#define A_POWER		"/sys/bus/pci/slots/00000111/power"
#define LIFE_US		60000		/* of a user that is killed, at most */
#define CHECK_EVERY	16
#define RESETS		500		/* at least */
#define SCRATCH		0x100

/* ---- the module, with all functions closed --------------------------------- */

static int unload(void)
{
	return syscall(SYS_delete_module, "ism_vfio_pci", O_NONBLOCK) ? -errno : 0;
}

static int load_and_bind(void)
{
	int ret = system("modprobe ism-vfio-pci") ? -ENOEXEC : 0;

	ret = ret ?: part_bind(FUNCTION_A);
	ret = ret ?: part_bind(FUNCTION_B);
	return ret ?: part_bind(FUNCTION_C);
}

/* Opens as often as it can, and fails in any way while there is no driver */
static pid_t start_opener(unsigned long *opened)
{
	struct ism *a;
	pid_t child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	a = ism_new();
	for (;;) {
		if (!ism_open(a, FUNCTION_A, part_interface()))
			__atomic_add_fetch(opened, 1, __ATOMIC_RELAXED);
		ism_close(a);
		usleep(part_chance(2000));
	}
}

FIXTURE(module)
{
	unsigned long rounds;
	unsigned long *opened;
};

FIXTURE_SETUP(module)
{
	self->opened = mmap(NULL, sizeof(*self->opened), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->opened);
}

FIXTURE_TEARDOWN(module)
{
	part_did("unloads", self->rounds);
	part_did("survived", self->rounds);
}

TEST_F_TIMEOUT(module, cannot_be_unloaded_before_the_last_user_is_gone, HANGS)
{
	struct part_time time = part_time(10);
	struct user user;

	do {
		ASSERT_EQ(0, user_start(&user, self->rounds % USER_KINDS, 0))
			TH_LOG("%s", user.shared->why);
		ASSERT_EQ(-EAGAIN, unload());
		kill(user.shared->pid, SIGKILL);
		ASSERT_STREQ("", user_wait(&user));
		ASSERT_EQ(0, unload());
		ASSERT_EQ(0, load_and_bind());
	} while (++self->rounds < USER_KINDS || part_goes_on(&time));
}

TEST_F_TIMEOUT(module, goes_and_comes_while_a_process_tries_to_open, HANGS)
{
	struct part_time time = part_time(10);
	pid_t opener = start_opener(self->opened);
	int ret;

	do {
		while ((ret = unload()) == -EAGAIN)
			usleep(part_chance(2000));
		ASSERT_EQ(0, ret);
		ASSERT_EQ(0, load_and_bind());
	} while (++self->rounds < USER_KINDS || part_goes_on(&time));
	kill(opener, SIGKILL);
	ASSERT_EQ(opener, waitpid(opener, NULL, 0));
	part_did("operations", *self->opened);
}

/* ---- functions and processes, with the module there ------------------------ */

FIXTURE(away)
{
	struct ism *b;
	struct ism_dmb *dmb;		/* B's, for A to store to */
	struct bystander c;
	struct user user;
	unsigned long rounds;
	unsigned long accesses;
};

FIXTURE_SETUP(away)
{
	uint64_t gid;

	ASSERT_EQ(0, machine_open());
	ASSERT_EQ(0, machine_get(A_ID, "gid", &gid));
	ASSERT_EQ(0, bystander_start(&self->c, FUNCTION_C))
		TH_LOG("%s", self->c.shared->why);
	self->b = ism_new();
	ASSERT_EQ(0, ism_open(self->b, FUNCTION_B, part_interface()))
		TH_LOG("%s", ism_strerror(self->b));
	ASSERT_EQ(0, ism_dmb_alloc(self->b, ISM_DMB_MAX, gid, ISM_NO_VLAN,
				   &self->dmb))
		TH_LOG("%s", ism_strerror(self->b));
}

FIXTURE_TEARDOWN(away)
{
	ism_free(self->b);
	EXPECT_STREQ("", bystander_stop(&self->c));
	machine_close();
	part_did("operations", self->accesses);
	part_did("survived", self->rounds);
}

static int start_user(FIXTURE_DATA(away) *self, enum user_kind kind)
{
	return user_start(&self->user, kind, self->dmb->tok);
}

/* It was not gone before it had been asked, and nothing had failed till then */
static const char *end_user(FIXTURE_DATA(away) *self)
{
	self->rounds++;
	self->accesses += self->user.shared->accesses;
	if (!self->user.shared->leaving)
		return "the function went before its user had left";
	return user_wait(&self->user);
}

/* A as it was at first */
static int works(FIXTURE_DATA(away) *self)
{
	struct ism *a = ism_new();
	uint8_t data[ISM_PAGE];
	int ret;

	part_fill(data, sizeof(data));
	ret = ism_open(a, FUNCTION_A, part_interface());
	if (!ret)
		ret = ism_move(a, self->dmb->tok, 0, data, sizeof(data), 1);
	if (!ret && memcmp(self->dmb->mem, data, sizeof(data)))
		ret = -EBADMSG;
	if (ret)
		printf("# %s\n", ism_strerror(a));
	ism_free(a);
	return ret;
}

static bool is_there(void)
{
	return !access(DEVICES FUNCTION_A, F_OK);
}

static int unplug(void)
{
	if (machine_do("device_del", "\"id\": \"" A_ID "\""))
		return -1;
	/* the guest gives it back when it is ready to */
	while (machine_has(A_ID))
		usleep(1000);
	return 0;
}

static int plug(void)
{
	return machine_do("device_add",
			  "\"driver\": \"zpci\", \"target\": \"" A_ID "\", "
			  "\"uid\": 17, \"fid\": 273") ||
	       machine_do("device_add",
			  "\"driver\": \"ism\", \"id\": \"" A_ID "\"");
}

static int deconfigure(void)
{
	return part_write(A_POWER, "0");
}

static int configure(void)
{
	return part_write(A_POWER, "1") ?: part_rescan(FUNCTION_A);
}

/* It is in sysfs some time before a driver can have it */
static int bind_when_there(void)
{
	int ret;

	while ((ret = part_bind(FUNCTION_A)) == -ENOENT || ret == -ENODEV)
		usleep(1000);
	return ret;
}

/* One round with each kind of user, and on until the time is over */
static void goes_under_traffic(struct __test_metadata *_metadata,
			       FIXTURE_DATA(away) *self, int (*go)(void),
			       int (*come)(void), unsigned int share,
			       const char *what)
{
	struct part_time time = part_time(share);
	unsigned int kind = 0;

	do {
		ASSERT_EQ(0, start_user(self, kind % USER_KINDS))
			TH_LOG("%s", self->user.shared->why);
		usleep(part_chance(LIFE_US));
		ASSERT_EQ(0, go());
		ASSERT_STREQ("", end_user(self));
		ASSERT_FALSE(come && is_there());
		ASSERT_EQ(0, come ? come() : 0);
		ASSERT_EQ(0, bind_when_there());
		ASSERT_EQ(0, works(self));
	} while (++kind < USER_KINDS || part_goes_on(&time));
	part_did(what, self->rounds);
}

TEST_F_TIMEOUT(away, an_unplug_asks_the_user_to_go_and_waits_for_it, HANGS)
{
	goes_under_traffic(_metadata, self, unplug, plug, 15, "unplugs");
}

static int unbind(void)
{
	return part_unbind(FUNCTION_A);
}

TEST_F_TIMEOUT(away, an_unbind_asks_the_user_to_go_and_waits_for_it, HANGS)
{
	goes_under_traffic(_metadata, self, unbind, NULL, 15, "unbinds");
}

/* What a user may be at when it is killed; ends only when something fails */
static void live(struct ism *a, uint64_t token, unsigned long *done)
{
	static uint8_t data[2 * ISM_PAGE];
	struct ism_dmb *dmb = NULL;
	struct ism_info info;
	int ret = 0;

	while (!ret) {
		switch (part_chance(6)) {
		case 0:
			ret = ism_reset(a);
			break;
		case 1:
			ret = ism_cmd_query_info(a, &info);
			break;
		case 2:
			ret = dmb ? ism_dmb_free(dmb) :
			      ism_dmb_alloc(a, sizeof(data), ism_gid(a),
					    ISM_NO_VLAN, &dmb);
			dmb = dmb && !ret ? NULL : dmb;
			break;
		case 3:
			ism_close(a);
			dmb = NULL;
			ret = ism_open(a, FUNCTION_A, part_interface());
			break;
		default:
			ret = ism_move(a, token, part_chance(ISM_PAGE), data,
				       1 + part_chance(sizeof(data) - 1),
				       part_chance(ISM_SIGNALS));
			break;
		}
		(*done)++;
	}
}

struct victim {
	unsigned long opened;
	unsigned long done;
	char why[256];
};

static pid_t start_victim(FIXTURE_DATA(away) *self, struct victim *v)
{
	struct ism *a;
	pid_t child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	a = ism_new();
	if (!ism_open(a, FUNCTION_A, part_interface())) {
		v->opened++;
		live(a, self->dmb->tok, &v->done);
	}
	snprintf(v->why, sizeof(v->why), "%s", ism_strerror(a));
	_exit(1);
}

/* While it opens the function, or at any time later */
static void kill_victim(pid_t pid, const struct victim *v, unsigned long opened)
{
	bool later = part_chance(2);

	while (later && !v->why[0] &&
	       __atomic_load_n(&v->opened, __ATOMIC_RELAXED) == opened)
		usleep(1000);
	usleep(part_chance(LIFE_US));
	kill(pid, SIGKILL);
}

/* Nothing but the kill ends it, and the next one finds the function free */
TEST_F_TIMEOUT(away, a_user_killed_at_any_moment_leaves_the_function_usable, HANGS)
{
	struct victim *v = mmap(NULL, sizeof(*v), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct part_time time = part_time(20);
	unsigned long opened;
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, v);
	do {
		opened = v->opened;
		pid = start_victim(self, v);
		kill_victim(pid, v, opened);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_STREQ("", v->why);
		ASSERT_TRUE(WIFSIGNALED(status));
		if (++self->rounds % CHECK_EVERY == 0)
			ASSERT_EQ(0, works(self));
	} while (self->rounds < CHECK_EVERY || part_goes_on(&time));
	EXPECT_LT(0, v->opened);
	EXPECT_LT(0, v->done);
	self->accesses += v->done;
	part_did("kills", self->rounds);
}

struct accesses {
	pthread_t thread;
	int fd;
	uint64_t at;
	bool store;
	bool *stop;
	unsigned long done;
	unsigned long failed;
};

static void *access_on(void *arg)
{
	struct accesses *x = arg;
	uint8_t data[64] = { 0 };
	ssize_t n;

	while (!__atomic_load_n(x->stop, __ATOMIC_RELAXED)) {
		if (x->store)
			n = pwrite(x->fd, data, sizeof(data), (off_t)x->at);
		else
			n = pread(x->fd, data, sizeof(data), (off_t)x->at);
		x->failed += n != sizeof(data);
		__atomic_add_fetch(&x->done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Both have their turn between any two resets */
static void reset_under(struct __test_metadata *_metadata, int fd,
			const struct accesses x[2])
{
	unsigned long before[2];

	for (int i = 0; i < 2; i++)
		before[i] = __atomic_load_n(&x[i].done, __ATOMIC_RELAXED);
	ASSERT_EQ(0, ioctl(fd, VFIO_DEVICE_RESET));
	for (int i = 0; i < 2; i++)
		while (__atomic_load_n(&x[i].done, __ATOMIC_RELAXED) == before[i])
			sched_yield();
}

TEST_F_TIMEOUT(away, no_read_and_no_write_fails_for_a_reset, HANGS)
{
	struct part_time time = part_time(15);
	struct ism_region bar0, bar2;
	struct accesses x[2] = { 0 };
	struct ism *a = ism_new();
	bool stop = false;

	ASSERT_EQ(0, ism_open(a, FUNCTION_A, part_interface()));
	ASSERT_EQ(0, ism_get_region(a, VFIO_PCI_BAR0_REGION_INDEX, &bar0));
	ASSERT_EQ(0, ism_get_region(a, VFIO_PCI_BAR2_REGION_INDEX, &bar2));
	x[0].store = true;
	x[0].at = bar0.offset + self->dmb->tok;
	x[1].at = bar2.offset + SCRATCH;
	for (int i = 0; i < 2; i++) {
		x[i].fd = ism_device_fd(a);
		x[i].stop = &stop;
		ASSERT_EQ(0, pthread_create(&x[i].thread, NULL, access_on, &x[i]));
	}
	do {
		reset_under(_metadata, x[0].fd, x);
	} while (++self->rounds < RESETS || part_goes_on(&time));
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++) {
		pthread_join(x[i].thread, NULL);
		EXPECT_EQ(0, x[i].failed);
		self->accesses += x[i].done;
	}
	ism_free(a);
	part_did("resets", self->rounds);
}

/*
 * With the unplugs it makes lockdep report a bug of s390 PCI, and lockdep says nothing
 * any more after a report. One stands first and one last, for a compiler may turn the
 * order round. See Documentation/upstream.rst.
 */
TEST_F_TIMEOUT(away, a_deconfigure_asks_the_user_to_go_and_waits_for_it, HANGS)
{
	goes_under_traffic(_metadata, self, deconfigure, configure, 15,
			   "deconfigures");
}

TEST_HARNESS_MAIN
