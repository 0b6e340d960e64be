// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client of dibs that hands the devices of this bus to user space: with it, a
 * test is the other side of what libism talks to, through the kernel's own ism
 * driver. The interface is in dibs_user.h.
 */
#include <linux/cleanup.h>
#include <linux/dibs.h>
#include <linux/fs.h>
#include <linux/kfifo.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "dibs_user.h"

static_assert((int)DIBS_USER_BUF == (int)DIBS_BUF_EVENT);
static_assert((int)DIBS_USER_DEV == (int)DIBS_DEV_EVENT);
static_assert((int)DIBS_USER_SW == (int)DIBS_SW_EVENT);
static_assert((int)DIBS_USER_UNREGISTERED == (int)DIBS_BUF_UNREGISTERED);
static_assert((int)DIBS_USER_DISABLED == (int)DIBS_DEV_DISABLED);
static_assert((int)DIBS_USER_ERR_STATE == (int)DIBS_DEV_ERR_STATE);

/**
 * struct dibs_user - a device, and who has it open
 * @ref: dibs has one, the open file the other
 * @misc: the node
 * @lock: protects @open, @dibs and @dmb; held during each call to @dibs, so that
 *	it is not removed meanwhile
 * @open: there is an open file
 * @dibs: the device, NULL once it is gone
 * @dmb: its DMB; cpu_addr is NULL without
 * @event_lock: protects @events and @lost; taken in interrupts
 * @events: not yet read
 * @lost: there was no room for an event
 * @wait: for an event, or for the device's end
 */
struct dibs_user {
	struct kref ref;
	struct miscdevice misc;
	struct mutex lock; /* open, dibs, dmb */
	bool open;
	struct dibs_dev *dibs;
	struct dibs_dmb dmb;
	spinlock_t event_lock; /* events, lost */
	DECLARE_KFIFO(events, struct dibs_user_event, 64);
	bool lost;
	wait_queue_head_t wait;
};

static struct dibs_client dibs_user_client;

static void dibs_user_free(struct kref *ref)
{
	struct dibs_user *user = container_of(ref, struct dibs_user, ref);

	kfree(user->misc.name);
	kfree(user);
}

static void dibs_user_put(struct dibs_user *user)
{
	kref_put(&user->ref, dibs_user_free);
}

/* Calls to the device, with user->lock held */

/* What the device itself says is positive */
static int dibs_user_result(int ret)
{
	return ret > 0 ? -EIO : ret;
}

static uuid_t dibs_user_uuid(u64 gid)
{
	uuid_t uuid = uuid_null;

	memcpy(&uuid, &gid, sizeof(gid));
	return uuid;
}

static u64 dibs_user_gid(const uuid_t *uuid)
{
	u64 gid;

	memcpy(&gid, uuid, sizeof(gid));
	return gid;
}

static int dibs_user_query(struct dibs_user *user, u64 gid)
{
	uuid_t rgid = dibs_user_uuid(gid);

	return dibs_user_result(user->dibs->ops->query_remote_gid(user->dibs,
								  &rgid, 0, 0));
}

static int dibs_user_reg(struct dibs_user *user, struct dibs_user_dmb *dmb)
{
	int ret;

	if (user->dmb.cpu_addr)
		return -EEXIST;
	user->dmb = (struct dibs_dmb) {
		.rgid = dibs_user_uuid(dmb->rgid),
		.dmb_len = dmb->len,
	};
	ret = user->dibs->ops->register_dmb(user->dibs, &user->dmb,
					    &dibs_user_client);
	if (ret) {
		user->dmb.cpu_addr = NULL;
		return dibs_user_result(ret);
	}
	dmb->tok = user->dmb.dmb_tok;
	dmb->idx = user->dmb.idx;
	/* what was there before is nobody's business */
	memset(user->dmb.cpu_addr, 0, dmb->len);
	return 0;
}

static int dibs_user_unreg(struct dibs_user *user)
{
	int ret;

	if (!user->dmb.cpu_addr)
		return -ENOENT;
	ret = user->dibs->ops->unregister_dmb(user->dibs, &user->dmb);
	user->dmb.cpu_addr = NULL;
	return dibs_user_result(ret);
}

static int dibs_user_move(struct dibs_user *user,
			  const struct dibs_user_data *d)
{
	void *data __free(kvfree) = vmemdup_user(u64_to_user_ptr(d->data),
						 d->len);

	if (IS_ERR(data))
		return PTR_ERR(data);
	return dibs_user_result(user->dibs->ops->move_data(user->dibs, d->tok,
							   max(d->signal, 0),
							   d->signal >= 0,
							   d->offset, data,
							   d->len));
}

static int dibs_user_look(struct dibs_user *user,
			  const struct dibs_user_data *d)
{
	if (!user->dmb.cpu_addr)
		return -ENOENT;
	if (d->len > user->dmb.dmb_len ||
	    d->offset > user->dmb.dmb_len - d->len)
		return -EINVAL;
	if (copy_to_user(u64_to_user_ptr(d->data),
			 user->dmb.cpu_addr + d->offset, d->len))
		return -EFAULT;
	return 0;
}

static int dibs_user_send(struct dibs_user *user,
			  const struct dibs_user_send *send)
{
	uuid_t rgid = dibs_user_uuid(send->rgid);

	return dibs_user_result(user->dibs->ops->signal_event(user->dibs, &rgid,
							      send->irq,
							      send->code,
							      send->info));
}

/* The node */

static int dibs_user_open(struct inode *inode, struct file *file)
{
	struct dibs_user *user = container_of(file->private_data,
					      struct dibs_user, misc);

	guard(mutex)(&user->lock);
	if (!user->dibs)
		return -ENODEV;
	if (user->open)
		return -EBUSY;
	user->open = true;
	scoped_guard(spinlock_irqsave, &user->event_lock) {
		kfifo_reset(&user->events);
		user->lost = false;
	}
	kref_get(&user->ref);
	file->private_data = user;
	return stream_open(inode, file);
}

static int dibs_user_release(struct inode *inode, struct file *file)
{
	struct dibs_user *user = file->private_data;

	scoped_guard(mutex, &user->lock) {
		if (user->dibs)
			dibs_user_unreg(user);
		user->open = false;
	}
	dibs_user_put(user);
	return 0;
}

static ssize_t dibs_user_read(struct file *file, char __user *buf,
			      size_t count, loff_t *pos)
{
	struct dibs_user *user = file->private_data;
	struct dibs_user_event event;
	bool lost, found;

	if (count < sizeof(event))
		return -EINVAL;
	scoped_guard(spinlock_irqsave, &user->event_lock) {
		lost = user->lost;
		user->lost = false;
		found = !lost && kfifo_get(&user->events, &event);
	}
	if (lost)
		return -EOVERFLOW;
	if (!found)
		return READ_ONCE(user->dibs) ? -EAGAIN : -ENODEV;
	return copy_to_user(buf, &event, sizeof(event)) ? -EFAULT :
							  sizeof(event);
}

static __poll_t dibs_user_poll(struct file *file, poll_table *table)
{
	struct dibs_user *user = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &user->wait, table);
	if (!kfifo_is_empty(&user->events))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (!READ_ONCE(user->dibs))
		mask |= EPOLLHUP;
	return mask;
}

static int dibs_user_call(struct dibs_user *user, unsigned int cmd, void *arg)
{
	guard(mutex)(&user->lock);
	if (!user->dibs)
		return -ENODEV;
	switch (cmd) {
	case DIBS_USER_GID:
		*(u64 *)arg = dibs_user_gid(&user->dibs->gid);
		return 0;
	case DIBS_USER_QUERY:
		return dibs_user_query(user, *(u64 *)arg);
	case DIBS_USER_REG:
		return dibs_user_reg(user, arg);
	case DIBS_USER_UNREG:
		return dibs_user_unreg(user);
	case DIBS_USER_MOVE:
		return dibs_user_move(user, arg);
	case DIBS_USER_LOOK:
		return dibs_user_look(user, arg);
	case DIBS_USER_SEND:
		return dibs_user_send(user, arg);
	default:
		return -ENOTTY;
	}
}

static long dibs_user_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	union {
		u64 gid;
		struct dibs_user_dmb dmb;
		struct dibs_user_data data;
		struct dibs_user_send send;
	} u = {};
	void __user *to = (void __user *)arg;
	size_t len = _IOC_SIZE(cmd);
	int ret;

	if (len > sizeof(u))
		return -ENOTTY;
	if (_IOC_DIR(cmd) & _IOC_WRITE && copy_from_user(&u, to, len))
		return -EFAULT;
	ret = dibs_user_call(file->private_data, cmd, &u);
	if (!ret && _IOC_DIR(cmd) & _IOC_READ && copy_to_user(to, &u, len))
		return -EFAULT;
	return ret;
}

static const struct file_operations dibs_user_fops = {
	.owner		= THIS_MODULE,
	.open		= dibs_user_open,
	.release	= dibs_user_release,
	.read		= dibs_user_read,
	.poll		= dibs_user_poll,
	.unlocked_ioctl	= dibs_user_ioctl,
};

/* What dibs calls */

static void dibs_user_queue(struct dibs_dev *dibs,
			    const struct dibs_user_event *event)
{
	struct dibs_user *user = dibs_get_priv(dibs, &dibs_user_client);

	if (!user)
		return;
	scoped_guard(spinlock_irqsave, &user->event_lock) {
		if (!kfifo_put(&user->events, *event))
			user->lost = true;
	}
	wake_up(&user->wait);
}

static void dibs_user_handle_irq(struct dibs_dev *dibs, unsigned int idx,
				 u16 mask)
{
	struct dibs_user_event event = {
		.kind = DIBS_USER_SIGNAL,
		.code = mask,
	};

	dibs_user_queue(dibs, &event);
}

static void dibs_user_handle_event(struct dibs_dev *dibs,
				   const struct dibs_event *from)
{
	struct dibs_user_event event = {
		.kind = from->type,
		.code = from->subtype,
		.gid = dibs_user_gid(&from->gid),
		.tok = from->buffer_tok,
		.info = from->data,
	};

	dibs_user_queue(dibs, &event);
}

static struct dibs_user *dibs_user_alloc(struct dibs_dev *dibs)
{
	struct dibs_user *user = kzalloc(sizeof(*user), GFP_KERNEL);

	if (!user)
		return NULL;
	user->misc.name = kasprintf(GFP_KERNEL, "dibs-%s",
				    dev_name(&dibs->dev));
	if (!user->misc.name) {
		kfree(user);
		return NULL;
	}
	user->misc.minor = MISC_DYNAMIC_MINOR;
	user->misc.fops = &dibs_user_fops;
	user->dibs = dibs;
	kref_init(&user->ref);
	mutex_init(&user->lock);
	spin_lock_init(&user->event_lock);
	INIT_KFIFO(user->events);
	init_waitqueue_head(&user->wait);
	return user;
}

static void dibs_user_add_dev(struct dibs_dev *dibs)
{
	struct dibs_user *user = dibs_user_alloc(dibs);

	if (user && misc_register(&user->misc)) {
		dibs_user_put(user);
		user = NULL;
	}
	if (!user)
		dev_err(&dibs->dev, "no node for it\n");
	dibs_set_priv(dibs, &dibs_user_client, user);
}

static void dibs_user_del_dev(struct dibs_dev *dibs)
{
	struct dibs_user *user = dibs_get_priv(dibs, &dibs_user_client);

	if (!user)
		return;
	scoped_guard(mutex, &user->lock) {
		dibs_user_unreg(user);
		WRITE_ONCE(user->dibs, NULL);
	}
	wake_up(&user->wait);
	misc_deregister(&user->misc);
	dibs_user_put(user);
}

static const struct dibs_client_ops dibs_user_ops = {
	.add_dev	= dibs_user_add_dev,
	.del_dev	= dibs_user_del_dev,
	.handle_irq	= dibs_user_handle_irq,
	.handle_event	= dibs_user_handle_event,
};

static struct dibs_client dibs_user_client = {
	.name	= "user",
	.ops	= &dibs_user_ops,
};

static int __init dibs_user_init(void)
{
	return dibs_register_client(&dibs_user_client);
}

static void __exit dibs_user_exit(void)
{
	dibs_unregister_client(&dibs_user_client);
}

module_init(dibs_user_init);
module_exit(dibs_user_exit);

MODULE_DESCRIPTION("Devices of dibs for tests in user space");
MODULE_LICENSE("GPL");
