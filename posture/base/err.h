/* err: an error code plus one line of context.
 * What can fail returns enum err_code and fills `struct err`; a caller passes it on or puts its own words in front.
 * Plain values, no allocation. Thread: belongs to the caller. */
#ifndef POSTURE_BASE_ERR_H
#define POSTURE_BASE_ERR_H

enum err_code {
    OK = 0,
    ERR_INPUT,       /* a peer or an admin sent something wrong; the text says what and where */
    ERR_PROTOCOL,    /* a peer broke the rules of its own protocol */
    ERR_DENIED,      /* known, but not allowed */
    ERR_UNAUTHORIZED,/* who asks is not known */
    ERR_NOT_FOUND,
    ERR_CONFLICT,    /* the record changed meanwhile, or the identifier is taken */
    ERR_EXPIRED,
    ERR_GONE,        /* existed once, is trimmed away (an old cursor) */
    ERR_LIMIT,       /* too long, too deep, too many */
    ERR_TIMEOUT,
    ERR_UNAVAILABLE, /* the store or a vendor is out of reach; the same call may work later */
    ERR_AMBIGUOUS,   /* the request left, the answer never came: it may have happened */
    ERR_MEMORY,
    ERR_IO,          /* the operating system refused */
    ERR_INTERNAL
};

enum { ERR_TEXT_BYTES = 320 };

struct err {
    enum err_code code;
    char text[ERR_TEXT_BYTES]; /* one line, cut with "..." when too long, control characters replaced */
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Fills `err` (NULL is fine) and returns `code`. */
enum err_code err_set(struct err *err, enum err_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Puts words and ": " in front of the text that is there; returns err->code (ERR_INTERNAL when err is NULL). */
enum err_code err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The field's word for a code: "input", "not_found", ... Static text. */
const char *err_name(enum err_code code);

/* Frees on every way out of the scope: CLEANUP(buf_done) struct buf b; the function takes a pointer to the variable. */
#define CLEANUP(function) __attribute__((cleanup(function)))
/* Hands over a pointer held by a CLEANUP variable: return TAKE(p); */
#define TAKE(pointer) __extension__({ __typeof__(pointer) taken_ = (pointer); (pointer) = NULL; taken_; })

#endif
