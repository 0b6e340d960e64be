// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QEMU plugin: how often each instruction of the guest was executed
 *
 *   -plugin file=profile.so,mark=ADDRESS,out=FILE
 *
 * counts from one pass of the instruction at ADDRESS to the next, from the third
 * to the fourth, and so on. FILE gets a line "NUMBER ADDRESS COUNT" for each
 * instruction, with the number of the interval, of all CPUs together.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>
#include <qemu-plugin.h>

#define INTERVALS 64

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

typedef struct Counter {
    uint64_t address;
    uint64_t executed[INTERVALS];
} Counter;

/* CPUs translate at the same time */
static GMutex counters_lock;
static GHashTable *counters;
static uint64_t mark_address;
static FILE *out;
static unsigned passes;

static void executed(unsigned int cpu, void *data)
{
    Counter *c = data;
    unsigned n = __atomic_load_n(&passes, __ATOMIC_RELAXED);

    if (n % 2 && n / 2 < INTERVALS) {
        __atomic_fetch_add(&c->executed[n / 2], 1, __ATOMIC_RELAXED);
    }
}

static void passed(unsigned int cpu, void *data)
{
    __atomic_fetch_add(&passes, 1, __ATOMIC_RELAXED);
}

/* An address has one counter, however often and in whatever block it comes */
static Counter *counter_of(uint64_t address)
{
    Counter *c;

    g_mutex_lock(&counters_lock);
    c = g_hash_table_lookup(counters, &address);
    if (!c) {
        c = g_new0(Counter, 1);
        c->address = address;
        g_hash_table_insert(counters, &c->address, c);
    }
    g_mutex_unlock(&counters_lock);
    return c;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);

    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);

        qemu_plugin_register_vcpu_insn_exec_cb(insn, executed,
                                               QEMU_PLUGIN_CB_NO_REGS,
                                               counter_of(address));
        if (address == mark_address) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, passed,
                                                   QEMU_PLUGIN_CB_NO_REGS,
                                                   NULL);
        }
    }
}

static void print(gpointer key, gpointer value, gpointer data)
{
    Counter *c = value;

    for (unsigned i = 0; i < INTERVALS; i++) {
        if (c->executed[i]) {
            fprintf(out, "%u %" PRIx64 " %" PRIu64 "\n", i, c->address,
                    c->executed[i]);
        }
    }
}

static void finished(qemu_plugin_id_t id, void *data)
{
    g_hash_table_foreach(counters, print, NULL);
    fclose(out);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
                                           const qemu_info_t *info,
                                           int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (g_str_has_prefix(argv[i], "mark=")) {
            mark_address = g_ascii_strtoull(argv[i] + 5, NULL, 0);
        } else if (g_str_has_prefix(argv[i], "out=")) {
            out = fopen(argv[i] + 4, "w");
        }
    }
    if (!mark_address || !out) {
        fprintf(stderr, "profile: mark=ADDRESS,out=FILE, a file that can be written\n");
        return -1;
    }
    counters = g_hash_table_new(g_int64_hash, g_int64_equal);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finished, NULL);
    return 0;
}
