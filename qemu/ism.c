/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IBM Internal Shared Memory (ISM), an s390 zPCI function
 *
 * ISM functions on one fabric (those with the same pchid) store into each
 * other's memory.  The receiver registers a direct memory buffer (DMB) and
 * names the function that may write to it; the sender stores to the buffer's
 * token in its own data window.  A bit in the receiver's signal bits area (SBA)
 * tells which DMB was written to, an event queue (IEQ) carries the rest.
 *
 * Properties:
 *   gid             the function's GID; 0 (default) takes the next free one
 *   pchid           the fabric: functions with the same one reach each other
 *   maxstbl         longest block store, 0 to 8191
 *   pnetid          network id, at most 16 characters
 *   self            whether the function reaches its own GID
 *   strict-vlan     adding a VLAN id twice is an error
 *   strict-operand  a block store's operand must not cross a page
 *   x-faults        the guest has fault registers, see ism.h
 * and while it runs:
 *   stores, bytes   accepted block stores into DMBs, as the sender
 *   refused, faults instructions that failed, by themselves and by request
 *   commands, interrupts, events
 *   x-store-fault-*, x-load-fault-*, x-error-event
 *                   the fault registers for the outside; set count last
 *
 * All of it runs under the BQL.
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/module.h"
#include "qemu/queue.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "hw/pci/msi.h"
#include "hw/qdev-properties.h"
#include "hw/s390x/s390-pci-bus.h"
#include "hw/s390x/s390-pci-inst.h"
#include "hw/s390x/tod.h"
#include "migration/vmstate.h"
#include "system/dma.h"
#include "ism.h"
#include "trace.h"

#define ISM_GID_BASE            0x49534d0000000001ULL
#define ISM_VERSION             1
#define ISM_PGM_OPERAND         0x15
#define ISM_PGM_SPECIFICATION   0x06

/* Statuses for condition code 1; which one the real function has is unknown */
#define ISM_ST_REFUSED          ZPCI_PCI_ST_INSUF_RES
#define ISM_ST_SPACE            ZPCI_PCI_ST_INVAL_AS
#define ISM_ST_OWNER            ZPCI_PCI_ST_FUNC_NOT_AVAIL

/* QUERY_INFO, state */
#define ISM_STATE_SBA           1
#define ISM_STATE_IEQ           2

/*
 * Commands: header and body as they lie in the command window.  The response
 * takes the place of the request.
 */
typedef struct IsmHeader {
    uint32_t code;
    uint16_t ret;               /* 0 in a request */
    uint16_t len;
} QEMU_PACKED IsmHeader;

/* REG_SBA, ADD_VLAN_ID, DEL_VLAN_ID, UNREG_DMB; READ_GID's response */
typedef struct IsmValue {
    IsmHeader header;
    uint64_t value;
} QEMU_PACKED IsmValue;

typedef struct IsmRegIeq {
    IsmHeader header;
    uint64_t iova;
    uint64_t len;
} QEMU_PACKED IsmRegIeq;

typedef struct IsmQueryInfo {
    IsmHeader header;
    uint32_t version;
    uint32_t max_len;
    uint64_t state;
    uint64_t gid;
    uint64_t sba;
    uint64_t ieq;
    uint32_t ieq_len;
    uint32_t reserved;
    uint32_t dmbs_owned;
    uint32_t dmbs_used;
    uint32_t vlan_required;
    uint32_t nr_vlans;
    uint16_t vlans[ISM_NR_VLANS];
} QEMU_PACKED IsmQueryInfo;

typedef struct IsmQueryRgid {
    IsmHeader header;
    uint64_t rgid;
    uint32_t vlan_valid;
    uint32_t vlan_id;
} QEMU_PACKED IsmQueryRgid;

typedef struct IsmRegDmb {
    IsmHeader header;
    uint64_t iova;              /* token in the response */
    uint32_t len;
    uint32_t idx;
    uint32_t vlan_valid;
    uint32_t vlan_id;
    uint64_t rgid;
} QEMU_PACKED IsmRegDmb;

typedef struct IsmSignalIeq {
    IsmHeader header;
    uint64_t rgid;
    uint32_t trigger_irq;
    uint32_t code;
    uint64_t info;
} QEMU_PACKED IsmSignalIeq;

QEMU_BUILD_BUG_ON(sizeof(IsmHeader) != 8);
QEMU_BUILD_BUG_ON(sizeof(IsmQueryInfo) != 200);
QEMU_BUILD_BUG_ON(sizeof(IsmRegDmb) != 40);
QEMU_BUILD_BUG_ON(sizeof(IsmSignalIeq) != 32);

/* Event queue, in the guest's memory */
typedef struct IsmIeqHeader {
    uint64_t idx;               /* of the newest entry, plus one */
    uint64_t ieq_len;
    uint64_t entry_len;
    uint64_t reserved;
} QEMU_PACKED IsmIeqHeader;

typedef struct IsmEvent {
    uint32_t type;
    uint32_t code;
    uint64_t tok;
    uint64_t time;
    uint64_t info;
} QEMU_PACKED IsmEvent;

QEMU_BUILD_BUG_ON(sizeof(IsmIeqHeader) + ISM_IEQ_ENTRIES * sizeof(IsmEvent) !=
                  ISM_IEQ_SIZE);

typedef struct IsmDmb {
    IsmState *owner;
    uint64_t token;
    uint64_t rgid;              /* the only one that may store */
    uint64_t iova;
    uint32_t len;
    uint32_t idx;
} IsmDmb;

typedef struct IsmFault {
    uint32_t count;
    uint32_t skip;
    uint8_t cc;
    uint8_t status;
    uint16_t pgm;
    uint16_t spaces;
    uint16_t pec;
} IsmFault;

struct IsmState {
    PCIDevice parent_obj;

    MemoryRegion data;
    MemoryRegion cmd;
    QLIST_ENTRY(IsmState) next;

    /* properties */
    uint64_t gid;
    uint16_t pchid;
    uint16_t maxstbl;
    char *pnetid;
    bool reach_self;
    bool strict_vlan;
    bool strict_operand;
    bool x_faults;

    /* what the guest has registered */
    bool have_sba;
    bool have_ieq;
    uint64_t sba;
    uint64_t ieq;
    unsigned ieq_idx;
    IsmDmb *dmbs[ISM_NR_DMBS];
    uint16_t vlans[ISM_NR_VLANS];
    unsigned nr_vlans;
    bool vlan_required;
    uint8_t window[ISM_CMD_SIZE];

    IsmFault store_fault;
    IsmFault load_fault;

    struct {
        uint64_t stores;
        uint64_t bytes;
        uint64_t refused;
        uint64_t commands;
        uint64_t interrupts;
        uint64_t events;
        uint64_t faults;
    } count;
};

static QLIST_HEAD(, IsmState) ism_functions =
    QLIST_HEAD_INITIALIZER(ism_functions);

/*
 * DMBs by the token's number.  Numbers are given out in turn, so that a token
 * that was just unregistered does not soon lead to another function's memory.
 */
static IsmDmb *ism_dmbs[ISM_TOKEN_MAX + 1];
static unsigned ism_last_token;

static const IsmResult ism_done;

static IsmResult ism_refused(uint8_t status)
{
    return (IsmResult) { .cc = ZPCI_PCI_LS_ERR, .status = status };
}

static IsmResult ism_program_exception(uint16_t pgm)
{
    return (IsmResult) { .pgm = pgm };
}

static S390PCIBusDevice *ism_zpci(IsmState *s)
{
    return s390_pci_find_dev_by_target(s390_get_phb(), DEVICE(s)->id);
}

static IsmState *ism_by_gid(uint64_t gid)
{
    IsmState *s;

    QLIST_FOREACH(s, &ism_functions, next) {
        if (s->gid == gid) {
            return s;
        }
    }
    return NULL;
}

/* The function of that GID, if @s can talk to it */
static IsmState *ism_remote(IsmState *s, uint64_t gid)
{
    IsmState *r = ism_by_gid(gid);

    if (!r || r->pchid != s->pchid || (r == s && !s->reach_self)) {
        return NULL;
    }
    return r;
}

/*
 * Memory of the guest
 */

/*
 * Whether the guest has mapped this memory for the function to write to.  This
 * asks for translations without an access: one that fails would put the
 * function into error state, where the guest cannot read the response.
 */
static bool ism_is_mapped(IsmState *s, uint64_t iova, uint64_t len)
{
    S390PCIBusDevice *z = ism_zpci(s);
    S390PCIIOMMU *iommu = z ? z->iommu : NULL;
    uint64_t page = iova & ~(ISM_PAGE_SIZE - 1ULL);
    uint64_t last = iova + len - 1;
    IOMMUMemoryRegionClass *imrc;
    IOMMUTLBEntry entry;

    if (!iommu || !iommu->enabled || last < iova || iova < iommu->pba ||
        last > iommu->pal) {
        return false;
    }
    if (iommu->dm_mr) {
        return true;
    }
    imrc = memory_region_get_iommu_class_nocheck(&iommu->iommu_mr);
    for (; page <= last; page += ISM_PAGE_SIZE) {
        entry = imrc->translate(&iommu->iommu_mr, page, IOMMU_NONE, 0);
        if (!(entry.perm & IOMMU_WO)) {
            return false;
        }
    }
    return true;
}

/*
 * Set bits in a byte of the SBA.  The guest clears bits of the same byte at the
 * same time on another CPU, so this must be one atomic operation.
 */
static bool ism_sba_or(IsmState *s, unsigned offset, uint8_t bits,
                       uint8_t *old)
{
    PCIDevice *pdev = PCI_DEVICE(s);
    dma_addr_t addr = s->sba + offset;
    dma_addr_t len = 1;
    uint8_t *byte;

    /* what cannot be reached would be mapped to a bounce buffer */
    if (!dma_memory_valid(pci_get_address_space(pdev), addr, 1,
                          DMA_DIRECTION_FROM_DEVICE, MEMTXATTRS_UNSPECIFIED)) {
        return false;
    }
    byte = pci_dma_map(pdev, addr, &len, DMA_DIRECTION_FROM_DEVICE);
    if (!byte) {
        return false;
    }
    *old = qatomic_fetch_or(byte, bits);
    pci_dma_unmap(pdev, byte, len, DMA_DIRECTION_FROM_DEVICE, 1);
    return true;
}

/* Summary bit, and the interrupt that its change from 0 to 1 is worth */
static bool ism_interrupt(IsmState *s)
{
    PCIDevice *pdev = PCI_DEVICE(s);
    uint8_t old;

    if (!ism_sba_or(s, 0, ISM_SBA_SUMMARY, &old)) {
        return false;
    }
    /* without MSI set up there is no address to write the message to */
    if (!(old & ISM_SBA_SUMMARY) && s->have_ieq && msi_enabled(pdev)) {
        s->count.interrupts++;
        trace_ism_interrupt(s->gid);
        msi_notify(pdev, 0);
    }
    return true;
}

static bool ism_write_event(IsmState *s, const IsmEvent *ev)
{
    PCIDevice *pdev = PCI_DEVICE(s);
    unsigned slot = s->ieq_idx % ISM_IEQ_ENTRIES;
    uint64_t addr = s->ieq + sizeof(IsmIeqHeader) + slot * sizeof(*ev);
    uint64_t idx = cpu_to_be64(slot + 1);

    if (pci_dma_write(pdev, addr, ev, sizeof(*ev))) {
        return false;
    }
    smp_wmb();  /* the entry before the index that leads to it */
    if (pci_dma_write(pdev, s->ieq, &idx, sizeof(idx))) {
        return false;
    }
    smp_wmb();  /* the index before the bit that leads to it */
    s->ieq_idx = slot + 1;
    return true;
}

/* Put an event into the function's queue */
static bool ism_post_event(IsmState *s, uint32_t type, uint32_t code,
                           uint64_t tok, uint64_t info, bool interrupt)
{
    uint64_t now = time2tod(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
    uint8_t old;
    IsmEvent ev = {
        .type = cpu_to_be32(type),
        .code = cpu_to_be32(code),
        .tok = cpu_to_be64(tok),
        .time = cpu_to_be64(now),
        .info = cpu_to_be64(info),
    };

    if (!s->have_ieq || !ism_write_event(s, &ev)) {
        trace_ism_event_lost(s->gid, type, code, tok);
        return false;
    }
    s->count.events++;
    trace_ism_event(s->gid, type, code, tok, info);
    if (s->have_sba && ism_sba_or(s, 0, ISM_SBA_EVENT, &old) && interrupt) {
        ism_interrupt(s);
    }
    return true;
}

/*
 * DMBs
 */

static unsigned ism_count_dmbs(const IsmState *owner, uint64_t rgid)
{
    unsigned n = 0;

    for (int i = ISM_FIRST_DMB; i < ISM_NR_DMBS; i++) {
        n += owner->dmbs[i] && owner->dmbs[i]->rgid == rgid;
    }
    return n;
}

static unsigned ism_count_owned(const IsmState *s)
{
    unsigned n = 0;

    for (int i = ISM_FIRST_DMB; i < ISM_NR_DMBS; i++) {
        n += !!s->dmbs[i];
    }
    return n;
}

static unsigned ism_count_used(const IsmState *s)
{
    IsmState *owner;
    unsigned n = 0;

    QLIST_FOREACH(owner, &ism_functions, next) {
        n += ism_count_dmbs(owner, s->gid);
    }
    return n;
}

/* 0 when all are taken */
static unsigned ism_new_token(void)
{
    for (unsigned i = 0; i < ISM_TOKEN_MAX; i++) {
        ism_last_token = ism_last_token % ISM_TOKEN_MAX + 1;
        if (!ism_dmbs[ism_last_token]) {
            return ism_last_token;
        }
    }
    return 0;
}

static IsmDmb *ism_dmb_by_token(uint64_t token)
{
    uint64_t nr = token >> ISM_TOKEN_SHIFT;

    if (nr > ISM_TOKEN_MAX || (uint32_t)token) {
        return NULL;
    }
    return ism_dmbs[nr];
}

static void ism_free_dmb(IsmDmb *dmb)
{
    trace_ism_unregister_dmb(dmb->owner->gid, dmb->token);
    ism_dmbs[dmb->token >> ISM_TOKEN_SHIFT] = NULL;
    dmb->owner->dmbs[dmb->idx] = NULL;
    g_free(dmb);
}

/* An event for each function that has a DMB in common with @s */
static void ism_tell_peers(IsmState *s, uint32_t code)
{
    IsmState *peer;

    QLIST_FOREACH(peer, &ism_functions, next) {
        if (peer != s && (ism_count_dmbs(peer, s->gid) ||
                          ism_count_dmbs(s, peer->gid))) {
            ism_post_event(peer, ISM_EVENT_DEV, code, s->gid, 0, true);
        }
    }
}

/*
 * VLANs
 */

static int ism_find_vlan(const IsmState *s, uint64_t id)
{
    for (unsigned i = 0; i < s->nr_vlans; i++) {
        if (s->vlans[i] == id) {
            return i;
        }
    }
    return -1;
}

static IsmReturnCode ism_check_vlan(const IsmState *s, bool valid, uint32_t id)
{
    if (!valid) {
        return s->vlan_required ? ISM_RET_VLAN_REQUIRED : ISM_RET_OK;
    }
    return ism_find_vlan(s, id) < 0 ? ISM_RET_VLAN : ISM_RET_OK;
}

/*
 * Commands
 */

static IsmReturnCode ism_cmd_reg_sba(IsmState *s, void *buf)
{
    IsmValue *c = buf;
    uint64_t iova = be64_to_cpu(c->value);

    if (s->have_sba) {
        return ISM_RET_REGISTERED;
    }
    if (!QEMU_IS_ALIGNED(iova, ISM_PAGE_SIZE)) {
        return ISM_RET_ADDRESS;
    }
    if (!ism_is_mapped(s, iova, ISM_SBA_SIZE)) {
        return ISM_RET_DMA;
    }
    s->sba = iova;
    s->have_sba = true;
    trace_ism_register(s->gid, "sba", iova);
    return ISM_RET_OK;
}

/* Event bit and DMB bits live in the SBA: it goes last, as it came first */
static IsmReturnCode ism_cmd_unreg_sba(IsmState *s, void *buf)
{
    if (!s->have_sba) {
        return ISM_RET_NOT_REGISTERED;
    }
    if (s->have_ieq || ism_count_owned(s)) {
        return ISM_RET_IN_USE;
    }
    s->have_sba = false;
    trace_ism_unregister(s->gid, "sba");
    return ISM_RET_OK;
}

static IsmReturnCode ism_cmd_reg_ieq(IsmState *s, void *buf)
{
    IsmRegIeq *c = buf;
    uint64_t iova = be64_to_cpu(c->iova);
    IsmIeqHeader header = {
        .ieq_len = cpu_to_be64(ISM_IEQ_SIZE),
        .entry_len = cpu_to_be64(sizeof(IsmEvent)),
    };

    if (s->have_ieq) {
        return ISM_RET_REGISTERED;
    }
    if (be64_to_cpu(c->len) != ISM_IEQ_SIZE) {
        return ISM_RET_SIZE;
    }
    /* so it is within one page */
    if (!QEMU_IS_ALIGNED(iova, ISM_IEQ_SIZE)) {
        return ISM_RET_ADDRESS;
    }
    if (!ism_is_mapped(s, iova, ISM_IEQ_SIZE) ||
        pci_dma_write(PCI_DEVICE(s), iova, &header, sizeof(header))) {
        return ISM_RET_DMA;
    }
    s->ieq = iova;
    s->ieq_idx = 0;
    s->have_ieq = true;
    trace_ism_register(s->gid, "ieq", iova);
    return ISM_RET_OK;
}

static IsmReturnCode ism_cmd_unreg_ieq(IsmState *s, void *buf)
{
    if (!s->have_ieq) {
        return ISM_RET_NOT_REGISTERED;
    }
    s->have_ieq = false;
    trace_ism_unregister(s->gid, "ieq");
    return ISM_RET_OK;
}

static IsmReturnCode ism_cmd_read_gid(IsmState *s, void *buf)
{
    IsmValue *c = buf;

    c->value = cpu_to_be64(s->gid);
    return ISM_RET_OK;
}

/*
 * An id that is there already is fine: Linux 7.x adds the reserved id each time
 * that a driver registers with SMC, and never deletes it.
 */
static IsmReturnCode ism_cmd_add_vlan(IsmState *s, void *buf)
{
    IsmValue *c = buf;
    uint64_t id = be64_to_cpu(c->value);

    if (id != ISM_VLAN_RESERVED && (id < 1 || id > ISM_VLAN_MAX)) {
        return ISM_RET_VLAN;
    }
    if (ism_find_vlan(s, id) >= 0) {
        return s->strict_vlan ? ISM_RET_REGISTERED : ISM_RET_OK;
    }
    if (s->nr_vlans == ISM_NR_VLANS) {
        return ISM_RET_VLAN_FULL;
    }
    s->vlans[s->nr_vlans++] = id;
    return ISM_RET_OK;
}

static IsmReturnCode ism_cmd_del_vlan(IsmState *s, void *buf)
{
    IsmValue *c = buf;
    int i = ism_find_vlan(s, be64_to_cpu(c->value));

    if (i < 0) {
        return ISM_RET_VLAN;
    }
    s->vlans[i] = s->vlans[--s->nr_vlans];
    return ISM_RET_OK;
}

static IsmReturnCode ism_cmd_set_vlan(IsmState *s, void *buf)
{
    s->vlan_required = true;
    return ISM_RET_OK;
}

static IsmReturnCode ism_cmd_reset_vlan(IsmState *s, void *buf)
{
    s->vlan_required = false;
    return ISM_RET_OK;
}

static IsmReturnCode ism_cmd_query_info(IsmState *s, void *buf)
{
    IsmQueryInfo *c = buf;
    uint64_t state = (s->have_sba ? ISM_STATE_SBA : 0) |
                     (s->have_ieq ? ISM_STATE_IEQ : 0);

    memset(&c->version, 0, sizeof(*c) - offsetof(IsmQueryInfo, version));
    c->version = cpu_to_be32(ISM_VERSION);
    c->max_len = cpu_to_be32(sizeof(*c));
    c->state = cpu_to_be64(state);
    c->gid = cpu_to_be64(s->gid);
    c->sba = cpu_to_be64(s->have_sba ? s->sba : 0);
    c->ieq = cpu_to_be64(s->have_ieq ? s->ieq : 0);
    c->ieq_len = cpu_to_be32(s->have_ieq ? ISM_IEQ_SIZE : 0);
    c->dmbs_owned = cpu_to_be32(ism_count_owned(s));
    c->dmbs_used = cpu_to_be32(ism_count_used(s));
    c->vlan_required = cpu_to_be32(s->vlan_required);
    c->nr_vlans = cpu_to_be32(s->nr_vlans);
    for (unsigned i = 0; i < s->nr_vlans; i++) {
        c->vlans[i] = cpu_to_be16(s->vlans[i]);
    }
    return ISM_RET_OK;
}

/* Only the remote's VLANs count: Linux asks before it adds the id here */
static IsmReturnCode ism_cmd_query_rgid(IsmState *s, void *buf)
{
    IsmQueryRgid *c = buf;
    IsmState *remote = ism_remote(s, be64_to_cpu(c->rgid));

    if (!remote) {
        return ISM_RET_RGID;
    }
    if (!c->vlan_valid && s->vlan_required) {
        return ISM_RET_VLAN_REQUIRED;
    }
    return ism_check_vlan(remote, c->vlan_valid, be32_to_cpu(c->vlan_id));
}

static IsmReturnCode ism_check_dmb(IsmState *s, const IsmDmb *dmb)
{
    uint64_t size = ROUND_UP((uint64_t)dmb->len, ISM_PAGE_SIZE);

    if (!size || size > ISM_MAX_DMB) {
        return ISM_RET_SIZE;
    }
    if (!QEMU_IS_ALIGNED(dmb->iova, ISM_PAGE_SIZE) ||
        dmb->iova % ISM_MAX_DMB + size > ISM_MAX_DMB) {
        return ISM_RET_ADDRESS;
    }
    if (dmb->idx < ISM_FIRST_DMB || dmb->idx >= ISM_NR_DMBS) {
        return ISM_RET_INDEX;
    }
    if (s->dmbs[dmb->idx]) {
        return ISM_RET_IN_USE;
    }
    if (!ism_remote(s, dmb->rgid)) {
        return ISM_RET_RGID;
    }
    return ism_is_mapped(s, dmb->iova, size) ? ISM_RET_OK : ISM_RET_DMA;
}

static IsmReturnCode ism_cmd_reg_dmb(IsmState *s, void *buf)
{
    IsmRegDmb *c = buf;
    uint64_t nr;
    IsmDmb dmb = {
        .owner = s,
        .iova = be64_to_cpu(c->iova),
        .len = be32_to_cpu(c->len),
        .idx = be32_to_cpu(c->idx),
        .rgid = be64_to_cpu(c->rgid),
    };
    IsmReturnCode ret;

    ret = ism_check_vlan(s, c->vlan_valid, be32_to_cpu(c->vlan_id));
    if (!ret) {
        ret = ism_check_dmb(s, &dmb);
    }
    if (ret) {
        return ret;
    }
    nr = ism_new_token();
    if (!nr) {
        return ISM_RET_RESOURCES;
    }
    dmb.token = nr << ISM_TOKEN_SHIFT;
    ism_dmbs[nr] = s->dmbs[dmb.idx] = g_memdup2(&dmb, sizeof(dmb));
    trace_ism_register_dmb(s->gid, dmb.token, dmb.iova, dmb.len, dmb.idx,
                           dmb.rgid);
    c->iova = cpu_to_be64(dmb.token);
    return ISM_RET_OK;
}

/* The owner may take a DMB away at any time; its user is told */
static IsmReturnCode ism_cmd_unreg_dmb(IsmState *s, void *buf)
{
    IsmValue *c = buf;
    IsmDmb *dmb = ism_dmb_by_token(be64_to_cpu(c->value));
    IsmState *user;
    uint64_t token;

    if (!dmb || dmb->owner != s) {
        return ISM_RET_TOKEN;
    }
    token = dmb->token;
    user = ism_remote(s, dmb->rgid);
    ism_free_dmb(dmb);
    if (user && user != s) {
        ism_post_event(user, ISM_EVENT_BUF, ISM_BUF_DMB_UNREGISTERED, token, 0,
                       true);
    }
    return ISM_RET_OK;
}

static IsmReturnCode ism_cmd_signal_ieq(IsmState *s, void *buf)
{
    IsmSignalIeq *c = buf;
    IsmState *remote = ism_remote(s, be64_to_cpu(c->rgid));

    if (!remote) {
        return ISM_RET_RGID;
    }
    if (!ism_post_event(remote, ISM_EVENT_SWR, be32_to_cpu(c->code), s->gid,
                        be64_to_cpu(c->info), c->trigger_irq)) {
        return ISM_RET_REMOTE;
    }
    return ISM_RET_OK;
}

typedef struct IsmCommand {
    const char *name;
    uint16_t req_len;
    uint16_t rsp_len;           /* of a good response; others have a header */
    IsmReturnCode (*run)(IsmState *s, void *buf);
} IsmCommand;

#define ISM_COMMAND(code, request, response, fn) \
    [ISM_CMD_##code] = { #code, sizeof(request), sizeof(response), fn }

static const IsmCommand ism_commands[] = {
    ISM_COMMAND(REG_SBA, IsmValue, IsmHeader, ism_cmd_reg_sba),
    ISM_COMMAND(REG_IEQ, IsmRegIeq, IsmHeader, ism_cmd_reg_ieq),
    ISM_COMMAND(READ_GID, IsmHeader, IsmValue, ism_cmd_read_gid),
    ISM_COMMAND(ADD_VLAN_ID, IsmValue, IsmHeader, ism_cmd_add_vlan),
    ISM_COMMAND(DEL_VLAN_ID, IsmValue, IsmHeader, ism_cmd_del_vlan),
    ISM_COMMAND(SET_VLAN, IsmHeader, IsmHeader, ism_cmd_set_vlan),
    ISM_COMMAND(RESET_VLAN, IsmHeader, IsmHeader, ism_cmd_reset_vlan),
    ISM_COMMAND(QUERY_INFO, IsmHeader, IsmQueryInfo, ism_cmd_query_info),
    ISM_COMMAND(QUERY_RGID, IsmQueryRgid, IsmHeader, ism_cmd_query_rgid),
    ISM_COMMAND(REG_DMB, IsmRegDmb, IsmValue, ism_cmd_reg_dmb),
    ISM_COMMAND(UNREG_DMB, IsmValue, IsmHeader, ism_cmd_unreg_dmb),
    ISM_COMMAND(SIGNAL_IEQ, IsmSignalIeq, IsmHeader, ism_cmd_signal_ieq),
    ISM_COMMAND(UNREG_SBA, IsmHeader, IsmHeader, ism_cmd_unreg_sba),
    ISM_COMMAND(UNREG_IEQ, IsmHeader, IsmHeader, ism_cmd_unreg_ieq),
};

static const IsmCommand *ism_find_command(uint32_t code)
{
    if (code >= ARRAY_SIZE(ism_commands) || !ism_commands[code].run) {
        return NULL;
    }
    return &ism_commands[code];
}

/*
 * The header has just been stored.  The response's length is never less than
 * the header's 8 bytes: the Linux driver subtracts 8 until it is 0.
 */
static void ism_run_command(IsmState *s)
{
    IsmHeader *header = (IsmHeader *)s->window;
    uint32_t code = be32_to_cpu(header->code);
    uint16_t len = be16_to_cpu(header->len);
    const IsmCommand *cmd = ism_find_command(code);
    uint16_t rsp_len = sizeof(IsmHeader);
    IsmReturnCode ret = ISM_RET_COMMAND;

    if (cmd) {
        ret = len == cmd->req_len ? cmd->run(s, s->window) : ISM_RET_LENGTH;
        rsp_len = ret ? sizeof(IsmHeader) : cmd->rsp_len;
    }
    header->ret = cpu_to_be16(ret);
    header->len = cpu_to_be16(rsp_len);
    s->count.commands++;
    trace_ism_command(s->gid, cmd ? cmd->name : "-", code, len, ret, rsp_len);
}

/*
 * Faults
 */

static bool ism_is_fault_reg(IsmState *s, const IsmAccess *a)
{
    return s->x_faults && a->space == ISM_BAR_CMD &&
           a->offset >= ISM_FAULT_BASE;
}

static void ism_raise_error(IsmState *s, uint16_t pec, bool keep_state)
{
    S390PCIBusDevice *z = ism_zpci(s);

    if (!z) {
        return;
    }
    trace_ism_error_event(s->gid, pec);
    if (!keep_state && z->state >= ZPCI_FS_ENABLED) {
        z->state = ZPCI_FS_ERROR;
        ism_tell_peers(s, ISM_DEV_GID_ERR_STATE);
    }
    s390_pci_generate_error_event(pec, z->fh, z->fid, 0, 0);
}

/* Whether this instruction is to fail */
static bool ism_take_fault(IsmState *s, IsmFault *f, const IsmAccess *a,
                           IsmResult *res)
{
    if (!f->count || ism_is_fault_reg(s, a) ||
        (f->spaces && !(f->spaces & BIT(a->space)))) {
        return false;
    }
    if (f->skip) {
        f->skip--;
        return false;
    }
    f->count--;
    s->count.faults++;
    *res = (IsmResult) { .cc = f->cc & 3, .status = f->status };
    if (f->pgm) {
        res->pgm = f->pgm == ISM_PGM_SPECIFICATION ? f->pgm : ISM_PGM_OPERAND;
    }
    if (f->pec) {
        ism_raise_error(s, f->pec, false);
    }
    return true;
}

static void ism_set_fault(IsmState *s, IsmFault *f, const char *what,
                          const uint8_t *reg)
{
    f->count = ldl_be_p(reg);
    f->skip = ldl_be_p(reg + 4);
    f->cc = reg[8] & 3;
    f->status = reg[9];
    f->pgm = lduw_be_p(reg + 10);
    f->spaces = lduw_be_p(reg + 12);
    f->pec = lduw_be_p(reg + 14);
    trace_ism_fault(s->gid, what, f->count, f->skip, f->cc, f->status, f->pgm);
}

static void ism_set_error_event(IsmState *s, const uint8_t *reg)
{
    uint64_t gid = ldq_be_p(reg + 8);
    IsmState *target = gid ? ism_by_gid(gid) : s;

    if (target) {
        ism_raise_error(target, lduw_be_p(reg),
                        lduw_be_p(reg + 2) & ISM_FAULT_KEEP_STATE);
    }
}

static bool ism_covers(const IsmAccess *a, unsigned reg)
{
    return a->offset <= reg && a->offset + a->len >= reg + 8;
}

static void ism_set_fault_regs(IsmState *s, const IsmAccess *a)
{
    const uint8_t *w = s->window;

    if (ism_covers(a, ISM_FAULT_STORE)) {
        ism_set_fault(s, &s->store_fault, "store", w + ISM_FAULT_STORE);
    }
    if (ism_covers(a, ISM_FAULT_LOAD)) {
        ism_set_fault(s, &s->load_fault, "load", w + ISM_FAULT_LOAD);
    }
    if (ism_covers(a, ISM_FAULT_ERROR_EVENT)) {
        ism_set_error_event(s, w + ISM_FAULT_ERROR_EVENT);
    }
}

/* A load from the registers sees what is left of the counts */
static void ism_show_fault_regs(IsmState *s)
{
    stl_be_p(s->window + ISM_FAULT_STORE, s->store_fault.count);
    stl_be_p(s->window + ISM_FAULT_STORE + 4, s->store_fault.skip);
    stl_be_p(s->window + ISM_FAULT_LOAD, s->load_fault.count);
    stl_be_p(s->window + ISM_FAULT_LOAD + 4, s->load_fault.skip);
}

/*
 * Instructions
 */

static bool ism_in_window(const IsmAccess *a)
{
    return a->offset < ISM_CMD_SIZE && a->len <= ISM_CMD_SIZE - a->offset;
}

static IsmResult ism_store_command(IsmState *s, const IsmAccess *a,
                                   const void *data)
{
    if (!ism_in_window(a)) {
        return ism_refused(ISM_ST_SPACE);
    }
    memcpy(s->window + a->offset, data, a->len);
    if (ism_is_fault_reg(s, a)) {
        ism_set_fault_regs(s, a);
    } else if (!a->offset && a->len >= sizeof(IsmHeader)) {
        ism_run_command(s);
    }
    return ism_done;
}

/* The data are in place: mask bit, DMB bit, summary bit, in this order */
static bool ism_signal(const IsmDmb *dmb, unsigned bit)
{
    IsmState *s = dmb->owner;
    unsigned mask = ISM_SBA_DMBE_MASK + dmb->idx * 2 + bit / 8;
    uint8_t old;

    if (!s->have_sba) {
        return true;
    }
    trace_ism_signal(s->gid, dmb->token, dmb->idx, bit);
    return ism_sba_or(s, mask, 0x80 >> bit % 8, &old) &&
           ism_sba_or(s, ISM_SBA_DMB_BITS + dmb->idx / 8,
                      0x80 >> dmb->idx % 8, &old) &&
           ism_interrupt(s);
}

static IsmResult ism_store_data(IsmState *s, const IsmAccess *a,
                                const void *data)
{
    uint64_t token = a->offset & ~MAKE_64BIT_MASK(0, ISM_TOKEN_SHIFT);
    uint32_t offset = a->offset & ISM_STORE_OFFSET;
    IsmDmb *dmb = ism_dmb_by_token(token);

    /* no difference for the sender between no DMB and one of somebody else */
    if (!dmb || dmb->rgid != s->gid || dmb->owner->pchid != s->pchid ||
        (a->offset & ISM_STORE_UNUSED) || offset + a->len > dmb->len) {
        return ism_refused(ISM_ST_REFUSED);
    }
    if (pci_dma_write(PCI_DEVICE(dmb->owner), dmb->iova + offset, data,
                      a->len)) {
        return ism_refused(ISM_ST_OWNER);
    }
    smp_wmb();  /* the data before the bits */
    if ((a->offset & ISM_STORE_SIGNAL) &&
        !ism_signal(dmb, ISM_STORE_IDX(a->offset))) {
        return ism_refused(ISM_ST_OWNER);
    }
    s->count.stores++;
    s->count.bytes += a->len;
    return ism_done;
}

static void ism_trace_store_block(IsmState *s, const IsmAccess *a,
                                  const IsmResult *res)
{
    trace_ism_store_block(s->gid, a->space, a->offset, a->len,
                          a->operand & (ISM_PAGE_SIZE - 1), res->cc,
                          res->status, res->pgm);
}

/*
 * ISM has none of the alignment rules that PCI store block has elsewhere.  Its
 * operand may cross a page as well, or Linux's SMC-D could not work; a property
 * makes that an error for drivers that mean to avoid it.
 */
bool ism_check_store(IsmState *s, const IsmAccess *a, IsmResult *res)
{
    if (a->space != ISM_BAR_DATA && a->space != ISM_BAR_CMD) {
        *res = ism_refused(ISM_ST_SPACE);
    } else if (!a->len || a->len > MIN(s->maxstbl, ISM_MAX_STORE) ||
               a->offset % ISM_PAGE_SIZE + a->len > ISM_PAGE_SIZE ||
               (s->strict_operand &&
                a->operand % ISM_PAGE_SIZE + a->len > ISM_PAGE_SIZE)) {
        *res = ism_program_exception(ISM_PGM_SPECIFICATION);
    } else {
        return true;
    }
    s->count.refused++;
    ism_trace_store_block(s, a, res);
    return false;
}

IsmResult ism_store_block(IsmState *s, const IsmAccess *a, const void *data)
{
    IsmResult res;

    if (!ism_take_fault(s, &s->store_fault, a, &res)) {
        if (a->space == ISM_BAR_CMD) {
            res = ism_store_command(s, a, data);
        } else {
            res = ism_store_data(s, a, data);
        }
        s->count.refused += res.cc != ZPCI_PCI_LS_OK;
    }
    ism_trace_store_block(s, a, &res);
    return res;
}

static IsmResult ism_do_load(IsmState *s, const IsmAccess *a, uint64_t *data)
{
    if (!a->len || a->len > 8 - a->offset % 8) {
        return ism_program_exception(ISM_PGM_OPERAND);
    }
    if (a->space != ISM_BAR_CMD || !ism_in_window(a)) {
        return ism_refused(ISM_ST_SPACE);
    }
    if (ism_is_fault_reg(s, a)) {
        ism_show_fault_regs(s);
    }
    *data = 0;
    for (unsigned i = 0; i < a->len; i++) {
        *data = *data << 8 | s->window[a->offset + i];
    }
    return ism_done;
}

IsmResult ism_load(IsmState *s, const IsmAccess *a, uint64_t *data)
{
    IsmResult res;

    if (!ism_take_fault(s, &s->load_fault, a, &res)) {
        res = ism_do_load(s, a, data);
    }
    trace_ism_load(s->gid, a->space, a->offset, a->len, res.cc, res.status,
                   res.pgm);
    return res;
}

IsmResult ism_store(IsmState *s, const IsmAccess *a)
{
    trace_ism_store(s->gid, a->space, a->offset, a->len);
    s->count.refused++;
    return ism_refused(ISM_ST_SPACE);
}

/*
 * Whoever comes through the memory API, such as a CPU where the guest has given
 * the BAR an address, gets nowhere: only PCI load and PCI store block work.
 */
static MemTxResult ism_mr_read(void *opaque, hwaddr addr, uint64_t *data,
                               unsigned size, MemTxAttrs attrs)
{
    return MEMTX_ERROR;
}

static MemTxResult ism_mr_write(void *opaque, hwaddr addr, uint64_t data,
                                unsigned size, MemTxAttrs attrs)
{
    return MEMTX_ERROR;
}

static const MemoryRegionOps ism_mr_ops = {
    .read_with_attrs = ism_mr_read,
    .write_with_attrs = ism_mr_write,
    .endianness = DEVICE_BIG_ENDIAN,
    .valid = {
        .min_access_size = 1,
        .max_access_size = 8,
        .unaligned = true,
    },
    .impl = {
        .min_access_size = 1,
        .max_access_size = 8,
        .unaligned = true,
    },
};

/*
 * Life of the device
 */

void ism_function_info(IsmState *s, IsmFunctionInfo *info)
{
    info->pchid = s->pchid;
    info->maxstbl = s->maxstbl;
    info->pnetid = s->pnetid;
}

/* From here on nothing reaches the guest's memory on this function's behalf */
static void ism_quiesce(IsmState *s)
{
    s->have_sba = false;
    s->have_ieq = false;
    s->nr_vlans = 0;
    s->vlan_required = false;
    memset(s->window, 0, sizeof(s->window));
}

static void ism_drop_dmbs(IsmState *s)
{
    trace_ism_reset(s->gid, ism_count_owned(s));
    ism_tell_peers(s, ISM_DEV_GID_DISABLED);
    for (int i = ISM_FIRST_DMB; i < ISM_NR_DMBS; i++) {
        if (s->dmbs[i]) {
            ism_free_dmb(s->dmbs[i]);
        }
    }
}

void ism_function_reset(IsmState *s)
{
    ism_quiesce(s);
    ism_drop_dmbs(s);
}

/*
 * Two phases, because a reset of the machine is one of all functions: none of
 * them may write events into the memory of a guest that is gone.
 */
static void ism_reset_enter(Object *obj, ResetType type)
{
    IsmState *s = ISM(obj);

    ism_quiesce(s);
    memset(&s->store_fault, 0, sizeof(s->store_fault));
    memset(&s->load_fault, 0, sizeof(s->load_fault));
}

static void ism_reset_hold(Object *obj, ResetType type)
{
    ism_drop_dmbs(ISM(obj));
}

static bool ism_check_properties(IsmState *s, Error **errp)
{
    if (s->maxstbl > ISM_MAX_MAXSTBL) {
        error_setg(errp, "maxstbl is at most %u", ISM_MAX_MAXSTBL);
        return false;
    }
    if (s->pnetid && strlen(s->pnetid) > ISM_PNETID_LEN) {
        error_setg(errp, "pnetid has at most %u characters", ISM_PNETID_LEN);
        return false;
    }
    if (s->gid && ism_by_gid(s->gid)) {
        error_setg(errp, "gid 0x%" PRIx64 " is in use", s->gid);
        return false;
    }
    return true;
}

static void ism_realize(PCIDevice *pdev, Error **errp)
{
    IsmState *s = ISM(pdev);
    uint8_t type = PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64;

    if (!ism_check_properties(s, errp) ||
        msi_init(pdev, 0, 1, true, false, errp)) {
        return;
    }
    for (uint64_t gid = ISM_GID_BASE; !s->gid; gid++) {
        s->gid = ism_by_gid(gid) ? 0 : gid;
    }
    memory_region_init_io(&s->data, OBJECT(s), &ism_mr_ops, s, "ism-data",
                          ISM_DATA_SIZE);
    memory_region_init_io(&s->cmd, OBJECT(s), &ism_mr_ops, s, "ism-command",
                          ISM_CMD_SIZE);
    pci_register_bar(pdev, ISM_BAR_DATA, type, &s->data);
    pci_register_bar(pdev, ISM_BAR_CMD, type, &s->cmd);
    QLIST_INSERT_HEAD(&ism_functions, s, next);
}

static void ism_exit(PCIDevice *pdev)
{
    IsmState *s = ISM(pdev);

    ism_function_reset(s);
    QLIST_REMOVE(s, next);
    msi_uninit(pdev);
}

static void ism_prop_error_event(Object *obj, Visitor *v, const char *name,
                                 void *opaque, Error **errp)
{
    IsmState *s = ISM(obj);
    uint16_t pec;

    if (!visit_type_uint16(v, name, &pec, errp)) {
        return;
    }
    if (!DEVICE(s)->realized) {
        error_setg(errp, "%s works only while the device is there", name);
        return;
    }
    ism_raise_error(s, pec, false);
}

static void ism_add_fault_properties(Object *obj, const char *what, IsmFault *f)
{
    ObjectPropertyFlags rw = OBJ_PROP_FLAG_READWRITE;
    g_autofree char *count = g_strdup_printf("x-%s-fault-count", what);
    g_autofree char *skip = g_strdup_printf("x-%s-fault-skip", what);
    g_autofree char *cc = g_strdup_printf("x-%s-fault-cc", what);
    g_autofree char *status = g_strdup_printf("x-%s-fault-status", what);
    g_autofree char *pgm = g_strdup_printf("x-%s-fault-pgm", what);
    g_autofree char *spaces = g_strdup_printf("x-%s-fault-spaces", what);
    g_autofree char *pec = g_strdup_printf("x-%s-fault-pec", what);

    object_property_add_uint32_ptr(obj, count, &f->count, rw);
    object_property_add_uint32_ptr(obj, skip, &f->skip, rw);
    object_property_add_uint8_ptr(obj, cc, &f->cc, rw);
    object_property_add_uint8_ptr(obj, status, &f->status, rw);
    object_property_add_uint16_ptr(obj, pgm, &f->pgm, rw);
    object_property_add_uint16_ptr(obj, spaces, &f->spaces, rw);
    object_property_add_uint16_ptr(obj, pec, &f->pec, rw);
}

static void ism_instance_init(Object *obj)
{
    IsmState *s = ISM(obj);
    const struct {
        const char *name;
        uint64_t *value;
    } counters[] = {
        { "stores", &s->count.stores },
        { "bytes", &s->count.bytes },
        { "refused", &s->count.refused },
        { "commands", &s->count.commands },
        { "interrupts", &s->count.interrupts },
        { "events", &s->count.events },
        { "faults", &s->count.faults },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(counters); i++) {
        object_property_add_uint64_ptr(obj, counters[i].name,
                                       counters[i].value, OBJ_PROP_FLAG_READ);
    }
    ism_add_fault_properties(obj, "store", &s->store_fault);
    ism_add_fault_properties(obj, "load", &s->load_fault);
}

static const Property ism_properties[] = {
    DEFINE_PROP_UINT64("gid", IsmState, gid, 0),
    DEFINE_PROP_UINT16("pchid", IsmState, pchid, 0x7c0),
    DEFINE_PROP_UINT16("maxstbl", IsmState, maxstbl, ISM_MAX_STORE),
    DEFINE_PROP_STRING("pnetid", IsmState, pnetid),
    DEFINE_PROP_BOOL("self", IsmState, reach_self, true),
    DEFINE_PROP_BOOL("strict-vlan", IsmState, strict_vlan, false),
    DEFINE_PROP_BOOL("strict-operand", IsmState, strict_operand, false),
    DEFINE_PROP_BOOL("x-faults", IsmState, x_faults, false),
};

static const VMStateDescription ism_vmstate = {
    .name = TYPE_ISM,
    .unmigratable = 1,
};

static void ism_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);
    ResettableClass *rc = RESETTABLE_CLASS(klass);

    k->realize = ism_realize;
    k->exit = ism_exit;
    k->vendor_id = PCI_VENDOR_ID_IBM;
    k->device_id = PCI_DEVICE_ID_IBM_ISM;
    k->class_id = PCI_CLASS_OTHERS;
    rc->phases.enter = ism_reset_enter;
    rc->phases.hold = ism_reset_hold;
    dc->desc = "IBM Internal Shared Memory";
    dc->vmsd = &ism_vmstate;
    device_class_set_props(dc, ism_properties);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    object_class_property_add(klass, "x-error-event", "uint16", NULL,
                              ism_prop_error_event, NULL, NULL);
}

static const TypeInfo ism_type_info = {
    .name = TYPE_ISM,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(IsmState),
    .instance_init = ism_instance_init,
    .class_init = ism_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_CONVENTIONAL_PCI_DEVICE },
        { },
    },
};

void ism_register_types(void)
{
    type_register_static(&ism_type_info);
}

type_init(ism_register_types)
