// SPDX-License-Identifier: MIT
/*
 * usage: commands FUNCTION PEER OPERATIONS SEED
 *
 * Gives two functions random commands: headers, lengths, tokens, GIDs and IOVAs
 * that are right, nearly right, or anything; and stores and loads of all sizes.
 * Whatever comes, a response is one, memory is written only where it was
 * registered, and in the end both functions are as good as new.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ism.h"
#include "soak.h"

#define ROUND		500		/* operations from reset to reset */
#define WINDOW		((off_t)VFIO_PCI_BAR2_REGION_INDEX << SHIFT)
#define FENCE		0xa5
#define TOKENS		32
#define RANGES		(2 * ROUND)
#define RESPONSE_MAX	200

struct header {
	uint32_t code;
	uint16_t ret;
	uint16_t len;
};

/* What a command's body consists of; the first ones have 8 bytes, the others 4 */
enum field { END, IOVA, GID, TOKEN, VLAN, ANY, WORDS, LEN, INDEX, FLAG, VLAN_ID, CODE };

static const struct command {
	uint32_t code;
	enum field field[8];
} commands[] = {
	{ ISM_CMD_REG_SBA, { IOVA } },
	{ ISM_CMD_REG_IEQ, { IOVA, ANY } },
	{ ISM_CMD_READ_GID, { END } },
	{ ISM_CMD_ADD_VLAN_ID, { VLAN } },
	{ ISM_CMD_DEL_VLAN_ID, { VLAN } },
	{ ISM_CMD_SET_VLAN, { END } },
	{ ISM_CMD_RESET_VLAN, { END } },
	{ ISM_CMD_QUERY_INFO, { END } },
	{ ISM_CMD_QUERY_RGID, { GID, FLAG, VLAN_ID } },
	{ ISM_CMD_REG_DMB, { IOVA, LEN, INDEX, FLAG, VLAN_ID, GID } },
	{ ISM_CMD_REG_DMB, { IOVA, LEN, INDEX, FLAG, VLAN_ID, GID } },
	{ ISM_CMD_REG_DMB, { IOVA, LEN, INDEX, FLAG, VLAN_ID, GID } },
	{ ISM_CMD_UNREG_DMB, { TOKEN } },
	{ ISM_CMD_SIGNAL_IEQ, { GID, FLAG, CODE, ANY } },
	{ ISM_CMD_UNREG_SBA, { END } },
	{ ISM_CMD_UNREG_IEQ, { END } },
};

/**
 * struct function - one of the two
 * @ism: open
 * @fd: its vfio device
 * @arena: memory that is mapped for it; libism does not register it
 * @range: which of it was registered since the last reset, at any time
 * @nr_ranges: how many
 */
struct function {
	struct ism *ism;
	int fd;
	struct ism_dmb *arena;
	struct { uint64_t at, len; } range[RANGES];
	unsigned int nr_ranges;
};

static struct {
	struct function f[2];
	uint64_t token[TOKENS];
	unsigned int nr_tokens;
	uint64_t state;
	uint64_t done[3];	/* commands that were, stores and loads that worked */
	uint64_t refused;
} run;

static uint64_t below(uint64_t n)
{
	return next_random(&run.state) % n;
}

static int complain(const struct function *f, const char *what, uint64_t got)
{
	fprintf(stderr, "commands: %s: %s: %#" PRIx64 " (%s)\n", ism_name(f->ism),
		what, got, strerror(errno));
	return -1;
}

/* ---- what is drawn ------------------------------------------------------------ */

/* A power of two, one less or more, or as many bits of anything */
static uint64_t odd_number(void)
{
	uint64_t bit = 1ull << below(64);

	return below(2) ? bit + below(3) - 1 : next_random(&run.state) & (bit - 1);
}

static uint64_t draw_iova(const struct function *f)
{
	uint64_t iova = f->arena->iova + below(f->arena->len / ISM_PAGE) * ISM_PAGE;

	switch (below(16)) {
	case 0:
		return odd_number();
	case 1:
		return iova + odd_number();
	case 2:
		return f->arena->iova + f->arena->len - below(3) * ISM_PAGE;
	case 3:
		return -(below(3) * ISM_PAGE);
	default:
		return iova;
	}
}

static uint64_t draw_token(void)
{
	uint64_t token = run.nr_tokens ? run.token[below(TOKENS) % run.nr_tokens] : 0;

	switch (below(16)) {
	case 0:
		return odd_number();
	case 1:
		return token + ((below(3) - 1) << 32);
	case 2:
		return below(0x30000) << 32;
	default:
		return token;
	}
}

static uint64_t draw_small(const uint32_t *edges, unsigned int n)
{
	return below(16) ? edges[below(n)] : odd_number();
}

static uint64_t draw(const struct function *f, enum field field)
{
	static const uint32_t lens[] = { 1, 100, 4095, 4096, 4097, 8192, 65536,
					 ISM_DMB_MAX - 1, ISM_DMB_MAX, ISM_DMB_MAX + 1 };
	static const uint32_t vlans[] = { 0, 1, 2, 3, 4094, 4095, 0x1fff };
	static const uint32_t words[] = { 0, 511, 512, 513, 4096 };

	switch (field) {
	case IOVA:
		return draw_iova(f);
	case TOKEN:
		return draw_token();
	case GID:
		return below(8) ? ism_gid(run.f[below(2)].ism) : odd_number();
	case LEN:
		return draw_small(lens, ARRAY_SIZE(lens));
	case INDEX:
		return below(8) ? 30 + below(ISM_DMB_END - 28) : odd_number();
	case FLAG:
		return below(4) ? 0 : odd_number();
	case VLAN:
	case VLAN_ID:
		return below(4) ? draw_small(vlans, ARRAY_SIZE(vlans)) : below(100);
	default:
		return draw_small(words, ARRAY_SIZE(words));
	}
}

/* A command as it should be, and then perhaps not */
static size_t compose(const struct function *f, uint8_t *request)
{
	const struct command *c = &commands[below(ARRAY_SIZE(commands))];
	struct header header = { .code = htobe32(c->code) };
	size_t len = sizeof(header);

	for (unsigned int i = 0; c->field[i]; i++) {
		uint64_t value = htobe64(draw(f, c->field[i]));
		size_t n = c->field[i] < WORDS ? 8 : 4;

		memcpy(request + len, (uint8_t *)&value + 8 - n, n);
		len += n;
	}
	header.len = htobe16(below(16) ? len : odd_number());
	if (!below(16))
		header.code = htobe32(below(2) ? below(0x20) : odd_number());
	if (!below(16))
		header.ret = next_random(&run.state);
	memcpy(request, &header, sizeof(header));
	return len;
}

/* ---- a command ---------------------------------------------------------------- */

static void remember_token(uint64_t token)
{
	run.token[run.nr_tokens < TOKENS ? run.nr_tokens++ : below(TOKENS)] = token;
}

static void remember_range(struct function *f, uint64_t iova, uint64_t len)
{
	f->range[f->nr_ranges].at = iova - f->arena->iova;
	f->range[f->nr_ranges++].len = len;
}

/* What a good answer to @request means */
static int granted(struct function *f, const uint8_t *request, const uint8_t *response)
{
	uint64_t value, iova;
	uint32_t len;

	memcpy(&value, response, sizeof(value));
	memcpy(&iova, request + 8, sizeof(iova));
	memcpy(&len, request + 16, sizeof(len));
	switch (be32toh(*(const uint32_t *)request)) {
	case ISM_CMD_READ_GID:
		return be64toh(value) == ism_gid(f->ism) ? 0 :
		       complain(f, "another GID", be64toh(value));
	case ISM_CMD_REG_DMB:
		remember_token(be64toh(value));
		remember_range(f, be64toh(iova), be32toh(len));
		return 0;
	case ISM_CMD_REG_SBA:
		remember_range(f, be64toh(iova), ISM_PAGE);
		return 0;
	case ISM_CMD_REG_IEQ:
		remember_range(f, be64toh(iova), 512);
		return 0;
	default:
		return 0;
	}
}

static int answer(struct function *f, const uint8_t *request)
{
	uint8_t response[RESPONSE_MAX];
	struct header header;
	uint16_t len;

	if (pread(f->fd, &header, sizeof(header), WINDOW) != sizeof(header))
		return complain(f, "no response", 0);
	len = be16toh(header.len);
	if (memcmp(&header.code, request, 4))
		return complain(f, "a response to another command", be32toh(header.code));
	if (len < sizeof(header) || len % 8 || len > RESPONSE_MAX)
		return complain(f, "a response of this length", len);
	run.done[0]++;
	if (header.ret) {
		run.refused++;
		return 0;
	}
	len -= sizeof(header);
	if (pread(f->fd, response, len, WINDOW + sizeof(header)) != len)
		return complain(f, "no body of a response", len);
	return granted(f, request, response);
}

/* The body first; or all at once, which is a command as well */
static int command(struct function *f)
{
	uint8_t request[ISM_WINDOW] = { 0 };
	size_t len = compose(f, request);

	if (below(2)) {
		if (pwrite(f->fd, request, len, WINDOW) != (ssize_t)len)
			return complain(f, "a command is not taken", len);
	} else if ((len > 8 && pwrite(f->fd, request + 8, len - 8, WINDOW + 8) !=
				       (ssize_t)len - 8) ||
		   pwrite(f->fd, request, 8, WINDOW) != 8) {
		return complain(f, "a command in two parts is not taken", len);
	}
	return answer(f, request);
}

/* ---- stores and loads ----------------------------------------------------------- */

/* Taken, or refused by the function (EIO, ENXIO) or the driver (EINVAL) */
static int counted(const struct function *f, unsigned int what, ssize_t n)
{
	if (n < 0 && errno != EIO && errno != ENXIO && errno != EINVAL)
		return complain(f, "an access fails otherwise", errno);
	if (n < 0)
		run.refused++;
	else
		run.done[what]++;
	return 0;
}

static int store(struct function *f)
{
	static uint8_t data[2 * ISM_PAGE];
	uint64_t offset = draw(f, LEN) - below(2) * below(ISM_PAGE);
	uint64_t at = draw_token() | below(16) << 24 | below(2) << 23 |
		      (offset & (SIGNAL_BIT - 1));
	size_t len = below(4) ? 1 + below(64) : 1 + below(ISM_PAGE);

	if (!below(32))
		at |= 1ull << (28 + below(20));
	memset(data, next_random(&run.state), len);
	return counted(f, 1, pwrite(f->fd, data, len, (off_t)(at & ((1ull << SHIFT) - 1))));
}

/* In the window, also where a command would be, but not its first byte */
static int scribble(struct function *f)
{
	static uint8_t data[2 * ISM_PAGE];
	uint64_t at = 1 + below(ISM_PAGE - 1);
	size_t len = 1 + below(below(4) ? 16 : ISM_PAGE);

	if (below(2))
		return counted(f, 2, pread(f->fd, data, len, WINDOW + at));
	memset(data, next_random(&run.state), len);
	return counted(f, 1, pwrite(f->fd, data, len, WINDOW + at));
}

/* ---- from reset to reset ---------------------------------------------------------- */

static int operate(struct function *f)
{
	switch (below(8)) {
	case 0 ... 4:
		return command(f);
	case 5 ... 6:
		return store(f);
	default:
		return scribble(f);
	}
}

/* Nothing was written but what had been registered */
static int fenced(const struct function *f)
{
	const uint8_t *mem = f->arena->mem;
	static uint8_t seen[ISM_DMB_MAX];

	memcpy(seen, mem, sizeof(seen));
	for (unsigned int i = 0; i < f->nr_ranges; i++) {
		uint64_t at = f->range[i].at, len = f->range[i].len;

		if (at < sizeof(seen))
			memset(seen + at, FENCE,
			       len < sizeof(seen) - at ? len : sizeof(seen) - at);
	}
	for (size_t i = 0; i < sizeof(seen); i++)
		if (seen[i] != FENCE)
			return complain(f, "memory is written that was not registered", i);
	return 0;
}

/* As good as new, without anybody's help but a reset's */
static int sane(struct function *f)
{
	struct ism_info info;

	if (fenced(f))
		return -1;
	if (ism_reset(f->ism) || ism_cmd_query_info(f->ism, &info)) {
		fprintf(stderr, "commands: %s: %s\n", ism_name(f->ism),
			ism_strerror(f->ism));
		return -1;
	}
	if (info.gid != ism_gid(f->ism) || info.dmbs_owned || info.nr_vlans ||
	    info.vlan_required || !info.sba || !info.ieq)
		return complain(f, "a reset leaves something behind", info.dmbs_owned);
	return 0;
}

static int moves(struct function *from, struct function *to)
{
	static const char message[] = "as good as new";
	struct ism_dmb *dmb;
	int ret;

	if (ism_dmb_alloc(to->ism, ISM_PAGE, ism_gid(from->ism), ISM_NO_VLAN, &dmb) ||
	    ism_move(from->ism, dmb->tok, 100, message, sizeof(message), 1))
		return complain(from, "a move fails after it", 0);
	ret = memcmp((char *)dmb->mem + 100, message, sizeof(message));
	if (ism_dmb_free(dmb) || ret)
		return complain(from, "a move is wrong after it", ret);
	return 0;
}

static int one_round(uint64_t seed)
{
	struct function *f = run.f;

	run.state = seed;
	run.nr_tokens = 0;
	for (int i = 0; i < 2; i++) {
		memset(f[i].arena->mem, FENCE, f[i].arena->len);
		f[i].nr_ranges = 0;
	}
	for (int i = 0; i < ROUND; i++)
		if (operate(&f[below(2)]))
			return -1;
	return sane(&f[0]) || sane(&f[1]) || moves(&f[0], &f[1]) || moves(&f[1], &f[0]);
}

static int set_up(struct function *f, const char *name)
{
	void *mem;

	f->ism = ism_new();
	mem = aligned_alloc(ISM_DMB_MAX, ISM_DMB_MAX);
	if (!f->ism || !mem)
		return -1;
	if (ism_open(f->ism, name, ISM_IOMMU_AUTO) ||
	    ism_dmb_new(f->ism, mem, ISM_DMB_MAX, &f->arena)) {
		fprintf(stderr, "commands: %s\n", ism_strerror(f->ism));
		return -1;
	}
	f->fd = ism_device_fd(f->ism);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t rounds, seed;

	if (argc != 5) {
		fprintf(stderr, "usage: commands FUNCTION PEER OPERATIONS SEED\n");
		return 2;
	}
	rounds = (strtoull(argv[3], NULL, 0) + ROUND - 1) / ROUND;
	seed = strtoull(argv[4], NULL, 0);
	if (set_up(&run.f[0], argv[1]) || set_up(&run.f[1], argv[2]))
		return 2;
	for (uint64_t i = 0; i < rounds; i++) {
		if (!one_round(seed + i))
			continue;
		fprintf(stderr, "commands: again with: commands %s %s %u %" PRIu64 "\n",
			argv[1], argv[2], ROUND, seed + i);
		return 1;
	}
	printf("operations %" PRIu64 "\ncommands %" PRIu64 "\nstores %" PRIu64
	       "\nloads %" PRIu64 "\nrefused %" PRIu64 "\n", rounds * ROUND,
	       run.done[0], run.done[1], run.done[2], run.refused);
	return 0;
}
