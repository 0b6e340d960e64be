// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of the vfio-pci driver for ISM: trace events
 */
#include <linux/trace_events.h>
#include <linux/tracepoint.h>

#include "fake.h"

#define BAR2 (2ULL << 48)

struct ism_trace {
	struct trace_event_file *file;
	unsigned int nr;
	/* of the latest event */
	u32 fid;
	unsigned int bar;
	u64 offset;
	unsigned int len;
	int result;
};

static void ism_trace_event(void *data, const struct zpci_dev *zdev, u64 req,
			    u64 offset, int result)
{
	struct ism_trace *trace = data;

	trace->nr++;
	trace->fid = zdev->fid;
	trace->bar = req >> 16 & 0xff;
	trace->offset = offset;
	trace->len = req & 0xffff;
	trace->result = result;
}

static void ism_trace_end(void *data)
{
	struct ism_trace *trace = data;

	tracepoint_probe_unregister(trace->file->event_call->tp,
				    ism_trace_event, trace);
	tracepoint_synchronize_unregister();
	trace_put_event_file(trace->file);
}

/* By its name: a tracepoint of a module is not exported */
static struct ism_trace *ism_trace_begin(struct kunit *test, const char *event)
{
	struct trace_event_file *file;
	struct ism_trace *trace;

	trace = kunit_kzalloc(test, sizeof(*trace), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, trace);
	file = trace_get_event_file(NULL, "ism_vfio", event);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	trace->file = file;
	KUNIT_EXPECT_EQ(test, 0,
			tracepoint_probe_register(file->event_call->tp,
						  ism_trace_event, trace));
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, ism_trace_end, trace));

	return trace;
}

static const struct ism_trace_case {
	const char *desc;
	bool read;
	u64 pos;
	size_t count;
	int error;
	unsigned int loads, stores;
	unsigned int len;
} ism_trace_cases[] = {
	{ "load", ISM_KUNIT_READ, BAR2 + 8, 8, 0, 1, 0, 8 },
	{ "load that fails", ISM_KUNIT_READ, BAR2 + 8, 8, -EIO, 1, 0, 8 },
	{ "eight loads", ISM_KUNIT_READ, BAR2 + 1, 30, 0, 8, 0, 1 },
	{ "store", ISM_KUNIT_WRITE, BAR2 + 3, 100, 0, 0, 1, 100 },
	{ "store that fails", ISM_KUNIT_WRITE, 0x123456789abc, 7, -ENXIO, 0, 1,
	  7 },
	{ "store that is refused", ISM_KUNIT_WRITE, 1, 4096, -EINVAL, 0, 0 },
};

KUNIT_ARRAY_PARAM_DESC(ism_trace, ism_trace_cases, desc);

/* One event for each instruction, with what it was and how it ended */
static void ism_trace_tells_of_each(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_trace *load = ism_trace_begin(test, "ism_vfio_load");
	struct ism_trace *store = ism_trace_begin(test, "ism_vfio_store_block");
	const struct ism_trace_case *c = test->param_value;
	struct ism_trace *trace = c->read ? load : store;
	struct ism_kunit *ctx = test->priv;
	ssize_t ret;

	fake->error = c->error;
	if (c->read)
		ret = ism_kunit_read(test, fake, c->pos, ctx->umem, c->count);
	else
		ret = ism_kunit_write(test, fake, c->pos, ctx->umem, c->count);

	KUNIT_EXPECT_EQ(test, c->error ?: (ssize_t)c->count, ret);
	KUNIT_EXPECT_EQ(test, c->loads, load->nr);
	KUNIT_EXPECT_EQ(test, c->stores, store->nr);
	if (!trace->nr)
		return;
	KUNIT_EXPECT_EQ(test, ism_fake_default.fid, trace->fid);
	KUNIT_EXPECT_EQ(test, c->pos >> 48, trace->bar);
	KUNIT_EXPECT_EQ(test, fake->insns[fake->nr_insns - 1].offset,
			trace->offset);
	KUNIT_EXPECT_EQ(test, c->len, trace->len);
	KUNIT_EXPECT_EQ(test, c->error, trace->result);
}

static struct kunit_case ism_trace_tests[] = {
	KUNIT_CASE_PARAM(ism_trace_tells_of_each, ism_trace_gen_params),
	{}
};

static struct kunit_suite ism_trace_suite = {
	.name = "ism_vfio_trace",
	.init = ism_kunit_init,
	.exit = ism_kunit_exit,
	.test_cases = ism_trace_tests,
};

kunit_test_suite(ism_trace_suite);
