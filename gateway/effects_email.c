/* The e-mail reader: a reserved notice becomes one mail, at most once, under the same reservation as every channel. A send is announced in the outbox item,
 * under the fence, before it is made. Mail cannot be read back, so an end that is not known is given up for the day and does not count as told. */
#include "gateway/effects_message.h"

#include "connectors/notify/greeting_text.h"
#include "connectors/notify/reminder_text.h"

#include <stdlib.h>
#include <string.h>

enum { BETWEEN_MAILS_MS = 200, TEXTS_BYTES = 512 * 1024 };

struct email_reader {
    const struct node *node;
    struct email_options options; /* texts in `texts` */
    struct arena texts;
    struct email *email;          /* made on the reader's thread */
};

/* One try. */
struct mail { struct message_try t; struct email_reader *s; struct nudge_mail words; };

/* ---- ends ---- */

/* Surely not taken. After too many tries another channel may have it, or the person is not written to today. */
static struct item_result try_later(struct mail *p, const struct email_result *result)
{
    p->t.item->unclear = false;
    message_note_error(&p->t, result->error);
    reader_note_failure(p->t.r, result->error);
    if (p->t.item->tries + 1 < EFFECTS_TRIES)
        return message_later(-1, true);
    struct item_result ended = message_undeliverable(&p->t, result->error);
    return ended.end == ITEM_DONE ? (struct item_result){ ITEM_GIVEN_UP, -1, true } : ended;
}

static struct item_result judge(struct mail *p, const struct email_result *result)
{
    switch (result->outcome) {
    case EMAIL_DONE:
        reader_note_success(p->t.r);
        return message_delivered(&p->t, p->t.person->emails[0], p->t.item->id);
    case EMAIL_LATER: return try_later(p, result);
    case EMAIL_REFUSED: return message_undeliverable(&p->t, result->error);
    case EMAIL_STOPPED:
        p->t.item->unclear = false;
        message_note_error(&p->t, result->error);
        reader_stop_sending(p->t.r, result->error);
        return message_unsendable(p->s->node, p->t.r, p->t.partition, p->t.item);
    case EMAIL_AMBIGUOUS: break;
    }
    message_note_error(&p->t, result->error);
    reader_note_failure(p->t.r, result->error);
    return message_failed(&p->t, "ambiguous", false);
}

/* ---- the mail ---- */

static enum err_code write_mail(void *context, const struct nudge_text_input *in, struct err *err)
{
    struct mail *p = context;
    bool answered = !span_empty(p->s->options.reply_to);
    if (in->item_count > 0)
        return nudge_mail(in, answered, &p->words, err);
    return in->reminder_count > 0 ? reminder_mail(in, answered, &p->words, err) : greeting_mail(in, answered, &p->words, err);
}

static struct item_result send_now(struct mail *p)
{
    struct item_result result;
    if (p->t.person->email_count == 0)
        return message_undeliverable(&p->t, "no_address");
    if (!message_announce(&p->t, &result))
        return result;
    const struct email_message m = { .to = p->t.person->emails[0], .subject = buf_span(&p->words.subject), .text = buf_span(&p->words.text), .html = buf_span(&p->words.html),
                                     .id = p->t.item->id, .language = SPAN_LITERAL("en"), .now_s = clock_wall_s(p->s->node->clock),
                                     .may_leave = message_may_leave, .may_leave_context = &p->t };
    struct email_result said = email_send(p->s->email, &m);
    reader_pause(p->t.r, BETWEEN_MAILS_MS);
    return judge(p, &said);
}

static struct item_result send_mail(struct mail *p)
{
    struct item_result result;
    nudge_mail_init(&p->words);
    if (message_write(&p->t, write_mail, p, &result))
        result = send_now(p);
    nudge_mail_done(&p->words);
    return result;
}

/* ---- the reader ---- */

static struct item_result send_item(void *self, struct reader *r, unsigned partition, struct effects_item *item)
{
    struct email_reader *s = self;
    struct mail p = { .s = s };
    struct item_result result;
    if (message_load(&p.t, s->node, r, partition, item, &result)) {
        enum notice_step step = message_step(&p.t, &result);
        if (step == NOTICE_STEP_SEND)
            result = send_mail(&p);
        else if (step == NOTICE_STEP_READ_BACK)
            result = message_failed(&p.t, "ambiguous", false); /* a process died between its announcement and the server's answer */
    }
    message_done(&p.t);
    return result;
}

static struct item_result keep_unsent(void *self, struct reader *r, unsigned partition, struct effects_item *item)
{
    return message_unsendable(((struct email_reader *)self)->node, r, partition, item);
}

static enum err_code take_entry(void *self, struct reader *r, const struct reader_entry *e, struct err *err)
{
    (void)self;
    return message_take(r, e, "email", err);
}

/* A call is never broken off, not even to stop: its end would not be known. */
static bool keep_lease(void *reader)
{
    reader_keep(reader);
    return true;
}

/* What is wrong with the server or the login is known before the first person is to be told: for doctor. */
static void look_at_server(struct email_reader *s, struct reader *r)
{
    struct email_result said = email_probe(s->email);
    if (said.outcome == EMAIL_STOPPED)
        reader_stop_sending(r, said.error);
    else if (said.outcome != EMAIL_DONE)
        reader_note_failure(r, said.error);
}

static enum err_code open_email(void *self, struct reader *r, struct err *err)
{
    struct email_reader *s = self;
    struct email_options options = s->options;
    options.tick = keep_lease;
    options.tick_context = r;
    if (s->email != NULL)
        return OK;
    enum err_code code = email_new(&options, &s->email, err);
    if (code == OK)
        look_at_server(s, r);
    return code;
}

static void free_email(void *self)
{
    struct email_reader *s = self;
    if (s->options.password.bytes > 0)
        secret_wipe((void *)(uintptr_t)s->options.password.at, s->options.password.bytes); /* our own copy */
    email_free(s->email);
    arena_done(&s->texts);
    free(s);
}

static bool copy_options(struct email_reader *s, const struct email_options *from)
{
    const struct { const struct span *from; struct span *to; } texts[] = {
        { &from->server, &s->options.server }, { &from->from, &s->options.from }, { &from->name, &s->options.name }, { &from->user, &s->options.user },
        { &from->password, &s->options.password }, { &from->reply_to, &s->options.reply_to }, { &from->ca_pem, &s->options.ca_pem },
    };
    bool good = true;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i].to = arena_copy(&s->texts, *texts[i].from);
        good = good && texts[i].to->bytes == texts[i].from->bytes;
    }
    s->options.plain = from->plain;
    return good;
}

enum err_code effects_email_new(const struct node *node, const struct email_options *options, const struct reader_ops **ops, void **self, struct err *err)
{
    static const struct reader_ops email_ops = { .open = open_email, .entry = take_entry, .send = send_item, .unsendable = keep_unsent, .free = free_email };
    struct email *tried = NULL;
    enum err_code code = email_new(options, &tried, err); /* thrown away: a mistake is told at the start */
    email_free(tried);
    if (code != OK)
        return code;
    struct email_reader *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_MEMORY, "e-mail");
    s->node = node;
    arena_init(&s->texts, 4096, TEXTS_BYTES);
    if (!copy_options(s, options)) {
        free_email(s);
        return err_set(err, ERR_MEMORY, "e-mail");
    }
    *ops = &email_ops;
    *self = s;
    return OK;
}
