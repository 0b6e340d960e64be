/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Brings the ism device into an unmodified qemu-system-s390x
 *
 * QEMU's zPCI code has no way for a device to say that it is an ISM function,
 * and its instructions refuse what ISM allows.  Built into QEMU, this would be
 * a few changes to hw/s390x/s390-pci-*.c.  Here it is a TCG plugin that adds
 * the type and replaces
 * - the helpers of the three load and store instructions,
 * - the host bridge's plug method, to fill in what CLP says of the function,
 * - the zpci device's reset method, which is what disables a function,
 * - the translate method of the zPCI IOMMU.
 * All of these are data in QEMU; no code is changed.  For any device but ism
 * they do what QEMU does.
 *
 *   qemu-system-s390x -plugin file=ism.so \
 *       -device zpci,uid=0x11,target=ism0 -device ism,id=ism0 \
 *       -trace 'ism_*' -D trace.log ...
 *
 * names the function 0011:00:00.0 and writes a line for each instruction and
 * command.  It works with TCG only.
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-control.h"
#include "cpu.h"
#include "accel/tcg/getpc.h"
#include "exec/helper-proto-common.h"
#include "hw/hotplug.h"
#include "hw/pci/pci_device.h"
#include "hw/s390x/ebcdic.h"
#include "hw/s390x/s390-pci-bus.h"
#include "hw/s390x/s390-pci-inst.h"
#include "qemu/qemu-plugin.h"
#include "tcg/helper-info.h"
#include "trace/control.h"
#include "ism.h"

/* Ids below those that QEMU gives to groups of host functions */
#define ISM_GROUP_FIRST         0xe0
#define ISM_GROUP_LAST          0x80

#define ISM_MSIX_LEN            12
#define ISM_MAX_FRAME           (1ULL << 20)    /* what a table entry maps */

/* QEMU declares these where translated code is made, by way of macros */
extern TCGHelperInfo helper_info_pcilg;
extern TCGHelperInfo helper_info_pcistg;
extern TCGHelperInfo helper_info_pcistb;

/* tracetool writes the definition only */
extern TraceEvent *ism_trace_events[];

static void (*host_plug)(HotplugHandler *, DeviceState *, Error **);
static DeviceReset zpci_reset;
static IOMMUTLBEntry (*iommu_translate)(IOMMUMemoryRegion *, hwaddr,
                                        IOMMUAccessFlags, int);

/*
 * CLP
 */

/* QEMU keeps groups for ever, so one is made for each maxstbl only once */
static S390PCIGroup *ism_group(uint16_t maxstbl, Error **errp)
{
    S390PCIGroup *group;

    for (int id = ISM_GROUP_FIRST; id >= ISM_GROUP_LAST; id--) {
        group = s390_group_find(id);
        if (!group) {
            group = s390_group_create(id, id);
            group->zpci_group =
                s390_group_find(ZPCI_DEFAULT_FN_GRP)->zpci_group;
            group->zpci_group.maxstbl = maxstbl;
        }
        if (group->zpci_group.maxstbl == maxstbl) {
            return group;
        }
    }
    error_setg(errp, "too many different values of maxstbl");
    return NULL;
}

/* The utility string has a network id for each of 4 ports; ISM has one port */
static void ism_set_pnetid(S390PCIBusDevice *z, const char *pnetid)
{
    char ascii[ISM_PNETID_LEN];

    memset(ascii, ' ', sizeof(ascii));
    memcpy(ascii, pnetid, MIN(strlen(pnetid), sizeof(ascii)));
    ebcdic_put(z->zpci_fn.util_str, ascii, sizeof(ascii));
    z->zpci_fn.flags |= CLP_RSP_QPCI_MASK_UTIL;
}

/*
 * The function type goes into the CLP response only: QEMU takes an ISM in
 * z->pft for one of the host's.
 */
static void ism_set_clp(S390PCIBusDevice *z, S390PCIGroup *group,
                        const IsmFunctionInfo *info)
{
    z->pci_group = group;
    z->zpci_fn.pfgid = group->id;
    z->zpci_fn.pft = ZPCI_PFT_ISM;
    z->zpci_fn.pchid = info->pchid;
    if (info->pnetid && *info->pnetid) {
        ism_set_pnetid(z, info->pnetid);
    }
}

/*
 * QEMU plugs nothing without MSI-X, which ISM does not have: there is one while
 * QEMU looks, and it is gone when the guest does.
 */
static void ism_plug(HotplugHandler *host, DeviceState *dev, Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(dev);
    IsmFunctionInfo info;
    S390PCIGroup *group;
    S390PCIBusDevice *z;

    ism_function_info(ISM(dev), &info);
    group = ism_group(info.maxstbl, errp);
    if (!group ||
        pci_add_capability(pdev, PCI_CAP_ID_MSIX, 0, ISM_MSIX_LEN, errp) < 0) {
        return;
    }
    host_plug(host, dev, errp);
    pci_del_capability(pdev, PCI_CAP_ID_MSIX, ISM_MSIX_LEN);
    z = s390_pci_find_dev_by_target(s390_get_phb(), dev->id);
    if (z && z->pdev == pdev) {
        ism_set_clp(z, group, &info);
    }
}

static void ism_host_plug(HotplugHandler *host, DeviceState *dev, Error **errp)
{
    if (object_dynamic_cast(OBJECT(dev), TYPE_ISM)) {
        ism_plug(host, dev, errp);
    } else {
        host_plug(host, dev, errp);
    }
}

static IsmState *ism_of(S390PCIBusDevice *z)
{
    return z && z->pdev ? (IsmState *)object_dynamic_cast(OBJECT(z->pdev),
                                                          TYPE_ISM) : NULL;
}

/* QEMU resets the zpci device when the guest disables the function */
static void ism_zpci_reset(DeviceState *dev)
{
    IsmState *s = ism_of(S390_PCI_DEVICE(dev));

    if (s) {
        ism_function_reset(s);
    }
    zpci_reset(dev);
}

/*
 * Translation
 */

/*
 * QEMU knows only the translations that the guest has refreshed since it
 * registered its tables.  A reset registers the tables anew, full as they are
 * with what was mapped before, and Linux has nothing to refresh then.  So look
 * at the tables for what is not known.
 */
static void ism_walk(S390PCIIOMMU *iommu, hwaddr addr)
{
    uint64_t page = addr & TARGET_PAGE_MASK;
    S390IOTLBEntry *entry, found;

    if (!iommu->enabled || addr < iommu->pba || addr > iommu->pal ||
        g_hash_table_contains(iommu->iotlb, &page) ||
        s390_guest_io_table_walk(iommu->g_iota, addr, &found) ||
        !found.perm || found.len > ISM_MAX_FRAME) {
        return;
    }
    entry = g_memdup2(&found, sizeof(found));
    entry->iova = page;
    entry->len = TARGET_PAGE_SIZE;
    g_hash_table_replace(iommu->iotlb, &entry->iova, entry);
}

static IOMMUTLBEntry ism_translate(IOMMUMemoryRegion *mr, hwaddr addr,
                                   IOMMUAccessFlags flag, int idx)
{
    S390PCIIOMMU *iommu = container_of(mr, S390PCIIOMMU, iommu_mr);

    if (ism_of(iommu->pbdev)) {
        ism_walk(iommu, addr);
    }
    return iommu_translate(mr, addr, flag, idx);
}

/*
 * Instructions
 */

/*
 * The ISM function that an instruction means, or NULL where QEMU's own code is
 * to run: for another device, and for all that is refused before a device is
 * looked at.
 */
static IsmState *ism_target(CPUS390XState *env, uint32_t reg,
                            S390PCIBusDevice **z)
{
    uint32_t fh = env->regs[reg] >> 32;
    unsigned space = (env->regs[reg] >> 16) & 0xf;

    if ((env->psw.mask & PSW_MASK_PSTATE) || space > ZPCI_IO_BAR_MAX ||
        !(fh & FH_MASK_ENABLE)) {
        return NULL;
    }
    *z = s390_pci_find_dev_by_fh(s390_get_phb(), fh);
    if (!*z || (*z)->state == ZPCI_FS_ERROR ||
        (*z)->state == ZPCI_FS_PERMANENT_ERROR) {
        return NULL;
    }
    return ism_of(*z);
}

/*
 * QEMU lets a guest deconfigure a function that it has not disabled, and takes
 * its handle for valid still.
 */
static bool ism_is_gone(CPUS390XState *env, IsmState *s, S390PCIBusDevice *z)
{
    if (z->state >= ZPCI_FS_ENABLED) {
        return false;
    }
    ism_function_reset(s);
    setcc(env_archcpu(env), ZPCI_PCI_LS_INVAL_HANDLE);
    return true;
}

static void ism_end(CPUS390XState *env, uint32_t reg, const IsmResult *res,
                    uintptr_t ra)
{
    if (res->pgm) {
        s390_program_interrupt(env, res->pgm, ra);
    }
    if (res->cc == ZPCI_PCI_LS_ERR) {
        env->regs[reg] = deposit64(env->regs[reg], 24, 8, res->status);
    }
    setcc(env_archcpu(env), res->cc);
}

static void ism_pcistb(CPUS390XState *env, IsmState *s, S390PCIBusDevice *z,
                       uint32_t r1, uint32_t r3, uint64_t gaddr, uint32_t ar,
                       uintptr_t ra)
{
    S390CPU *cpu = env_archcpu(env);
    uint8_t buf[ISM_MAX_STORE];
    IsmResult res;
    IsmAccess a = {
        .space = (env->regs[r1] >> 16) & 0xf,
        .len = env->regs[r1] & 0x1fff,
        .offset = env->regs[r3],
        .operand = gaddr,
    };

    if (ism_check_store(s, &a, &res)) {
        if (s390_cpu_virt_mem_read(cpu, gaddr, ar, buf, a.len)) {
            s390_cpu_virt_mem_handle_exc(cpu, ra);
            return;
        }
        res = ism_store_block(s, &a, buf);
        z->fmb.counter[ZPCI_FMB_CNT_STB] += !res.cc && !res.pgm;
    }
    ism_end(env, r1, &res, ra);
}

/* Loads and stores have length and space in r2, the offset in r2 + 1 */
static IsmAccess ism_access(CPUS390XState *env, uint32_t r2)
{
    return (IsmAccess) {
        .space = (env->regs[r2] >> 16) & 0xf,
        .len = env->regs[r2] & 0xf,
        .offset = env->regs[r2 + 1],
    };
}

static void ism_pcilg(CPUS390XState *env, IsmState *s, S390PCIBusDevice *z,
                      uint32_t r1, uint32_t r2, uintptr_t ra)
{
    IsmAccess a = ism_access(env, r2);
    uint64_t data = 0;
    IsmResult res = ism_load(s, &a, &data);

    if (!res.pgm && !res.cc) {
        z->fmb.counter[ZPCI_FMB_CNT_LD]++;
        env->regs[r1] = data;
    }
    ism_end(env, r2, &res, ra);
}

static void ism_pcistg(CPUS390XState *env, IsmState *s, uint32_t r2,
                       uintptr_t ra)
{
    IsmAccess a = ism_access(env, r2);
    IsmResult res = ism_store(s, &a);

    ism_end(env, r2, &res, ra);
}

/*
 * A program interrupt leaves these functions for the CPU loop, which drops the
 * BQL.  GETPC() is that of the code that the helper was called from, so it has
 * to be here.
 */
static void ism_helper_pcistb(CPUS390XState *env, uint32_t r1, uint32_t r3,
                              uint64_t gaddr, uint32_t ar)
{
    uintptr_t ra = GETPC();
    S390PCIBusDevice *z;
    IsmState *s;

    bql_lock();
    s = ism_target(env, r1, &z);
    if (s && !ism_is_gone(env, s, z)) {
        ism_pcistb(env, s, z, r1, r3, gaddr, ar, ra);
    } else if (!s) {
        pcistb_service_call(env_archcpu(env), r1, r3, gaddr, ar, ra);
    }
    bql_unlock();
}

static void ism_helper_pcilg(CPUS390XState *env, uint32_t r1, uint32_t r2)
{
    uintptr_t ra = GETPC();
    S390PCIBusDevice *z;
    IsmState *s;

    bql_lock();
    s = r2 & 1 ? NULL : ism_target(env, r2, &z);
    if (s && !ism_is_gone(env, s, z)) {
        ism_pcilg(env, s, z, r1, r2, ra);
    } else if (!s) {
        pcilg_service_call(env_archcpu(env), r1, r2, ra);
    }
    bql_unlock();
}

static void ism_helper_pcistg(CPUS390XState *env, uint32_t r1, uint32_t r2)
{
    uintptr_t ra = GETPC();
    S390PCIBusDevice *z;
    IsmState *s;

    bql_lock();
    s = r2 & 1 ? NULL : ism_target(env, r2, &z);
    if (s && !ism_is_gone(env, s, z)) {
        ism_pcistg(env, s, r2, ra);
    } else if (!s) {
        pcistg_service_call(env_archcpu(env), r1, r2, ra);
    }
    bql_unlock();
}

/*
 * Load
 */

static bool ism_qemu_matches(void)
{
    g_autoptr(VersionInfo) v = qmp_query_version(NULL);
    g_autofree char *have = g_strdup_printf("%" PRId64 ".%" PRId64,
                                            v->qemu->major, v->qemu->minor);

    if (strcmp(have, ISM_QEMU_VERSION)) {
        error_report("ism: built for QEMU %s, this is QEMU %s",
                     ISM_QEMU_VERSION, have);
        return false;
    }
    return true;
}

/*
 * Options -trace were handled before there were these events.  The events that
 * a pattern switched on then are on already, so all of them can be run again.
 */
static void ism_register_trace(void)
{
    g_autofree char *args = NULL;
    size_t len;
    bool is_trace = false;

    trace_event_register_group(ism_trace_events);
    if (!g_file_get_contents("/proc/self/cmdline", &args, &len, NULL)) {
        return;
    }
    for (char *arg = args; arg < args + len; arg += strlen(arg) + 1) {
        if (is_trace) {
            trace_opt_parse(arg);
        }
        is_trace = !strcmp(arg, "-trace") || !strcmp(arg, "--trace");
    }
}

static void ism_take_over(void)
{
    ObjectClass *host = object_class_by_name(TYPE_S390_PCI_HOST_BRIDGE);
    ObjectClass *zpci = object_class_by_name(TYPE_S390_PCI_DEVICE);
    ObjectClass *mr = object_class_by_name(TYPE_S390_IOMMU_MEMORY_REGION);
    HotplugHandlerClass *hc = HOTPLUG_HANDLER_CLASS(host);
    DeviceClass *dc = DEVICE_CLASS(zpci);
    IOMMUMemoryRegionClass *imrc = IOMMU_MEMORY_REGION_CLASS(mr);

    host_plug = hc->plug;
    hc->plug = ism_host_plug;
    zpci_reset = dc->legacy_reset;
    dc->legacy_reset = ism_zpci_reset;
    iommu_translate = imrc->translate;
    imrc->translate = ism_translate;
    helper_info_pcilg.func = ism_helper_pcilg;
    helper_info_pcistg.func = ism_helper_pcistg;
    helper_info_pcistb.func = ism_helper_pcistb;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
                                           const qemu_info_t *info,
                                           int argc, char **argv)
{
    /* an error code would have QEMU add a line that says less */
    if (!ism_qemu_matches()) {
        exit(EXIT_FAILURE);
    }
    if (argc) {
        error_report("ism: plugin option '%s' is not known", argv[0]);
        exit(EXIT_FAILURE);
    }
    ism_register_types();
    ism_register_trace();
    ism_take_over();
    return 0;
}
