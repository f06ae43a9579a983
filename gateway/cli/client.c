#include "gateway/cli/client.h"

#include "gateway/cli/print.h"
#include "gateway/options.h"
#include "posture/base/file.h"

#include <curl/curl.h>

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { PLACE_BYTES = 1024, CONNECT_S = 5, CALL_S = 300, PROBLEM_BYTES = 64 * 1024 };

struct client {
    CURL *curl;
    char state[PLACE_BYTES], socket[PLACE_BYTES]; /* empty with a URL */
    char base[PLACE_BYTES];                       /* "http://postern" over the socket */
    char ca[PLACE_BYTES];
    char authorization[PLACE_BYTES];
    char why[CURL_ERROR_SIZE];
};

/* ---- where the gateway is ---- */

static int fill(char *out, const char *text, const char *what)
{
    if ((size_t)snprintf(out, PLACE_BYTES, "%s", text) < PLACE_BYTES)
        return CLI_DONE;
    print_line(stderr, "postern: %s is longer than %d bytes", what, PLACE_BYTES - 1);
    return CLI_USAGE;
}

static int state_from_config(const char *path, char out[PLACE_BYTES])
{
    struct postern_options options;
    struct mistakes mistakes;
    CLEANUP(buf_done) struct buf text;
    int code = CLI_NO;
    buf_init(&text, 1024 * 1024);
    mistakes_init(&mistakes);
    if (options_read(&options, path, false, &mistakes))
        code = (size_t)snprintf(out, PLACE_BYTES, "%.*s", SPAN_ARGS(options.state)) < PLACE_BYTES ? CLI_DONE : CLI_USAGE;
    if (mistakes_errors(&mistakes) > 0 && mistakes_print(&mistakes, &text))
        fputs(buf_text(&text), stderr);
    mistakes_done(&mistakes);
    options_done(&options);
    return code;
}

static int use_socket(struct client *c, const char *state, const char *config)
{
    struct stat there;
    const char *from_environment = getenv("POSTERN_STATE");
    int code = CLI_DONE;
    if (state == NULL && config == NULL && from_environment != NULL && from_environment[0] != '\0')
        state = from_environment;
    if (state == NULL && config != NULL)
        code = state_from_config(config, c->state);
    else if (state != NULL)
        code = fill(c->state, state, "the name of the state folder");
    else
        code = fill(c->state, stat("/var/lib/postern/admin.sock", &there) == 0 ? "/var/lib/postern" : "./postern-state", "the state folder");
    if (code != CLI_DONE)
        return code;
    size_t bytes = (size_t)snprintf(c->socket, sizeof c->socket, "%s/admin.sock", c->state);
    if (bytes >= sizeof((struct sockaddr_un *)0)->sun_path) {
        print_line(stderr, "postern: the name of the socket is too long for a unix socket: %s/admin.sock", c->state);
        return CLI_USAGE;
    }
    snprintf(c->base, sizeof c->base, "http://postern");
    return CLI_DONE;
}

/* The key must not cross a network in clear: plain http is for this machine only. */
static bool is_loopback(struct span host)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct span name = span_of(names[i]);
        if (span_starts(host, name) && (host.bytes == name.bytes || host.at[name.bytes] == ':' || host.at[name.bytes] == '/'))
            return true;
    }
    return false;
}

static int use_url(struct client *c, const char *url)
{
    const char *key = getenv("POSTERN_KEY"), *ca = getenv("POSTERN_CA");
    struct span text = span_of(url), plain = SPAN_LITERAL("http://");
    if (span_starts(text, plain) && !is_loopback(span_slice(text, plain.bytes, text.bytes))) {
        print_line(stderr, "postern: POSTERN_URL would send the key in clear: use https, or a tunnel to localhost (%s)", url);
        return CLI_USAGE;
    }
    if (!span_starts(text, plain) && !span_starts(text, SPAN_LITERAL("https://"))) {
        print_line(stderr, "postern: POSTERN_URL must begin with https:// (%s)", url);
        return CLI_USAGE;
    }
    if (key == NULL || key[0] == '\0') {
        print_line(stderr, "postern: POSTERN_URL is set, so POSTERN_KEY must hold an API key of scope admin (postern key create --scope admin)");
        return CLI_USAGE;
    }
    while (span_ends(text, SPAN_LITERAL("/")))
        text.bytes--;
    if (strpbrk(key, "\r\n") != NULL || (size_t)snprintf(c->authorization, sizeof c->authorization, "Authorization: Bearer %s", key) >= sizeof c->authorization) {
        print_line(stderr, "postern: POSTERN_KEY does not look like an API key");
        return CLI_USAGE;
    }
    int code = fill(c->base, url, "POSTERN_URL");
    c->base[code == CLI_DONE ? text.bytes : 0] = '\0';
    return code == CLI_DONE && ca != NULL ? fill(c->ca, ca, "POSTERN_CA") : code;
}

int client_open(const struct args *args, struct client **out)
{
    const char *state = args_text(args, "--state"), *config = args_text(args, "--config"), *url = getenv("POSTERN_URL");
    CLEANUP(client_closep) struct client *c = calloc(1, sizeof *c);
    if (c == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (c->curl = curl_easy_init()) == NULL) {
        print_line(stderr, "postern: memory is short");
        return CLI_NO;
    }
    bool by_url = state == NULL && config == NULL && url != NULL && url[0] != '\0';
    int code = by_url ? use_url(c, url) : use_socket(c, state, config);
    if (code == CLI_DONE)
        *out = TAKE(c);
    return code;
}

void client_close(struct client *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->curl);
    explicit_bzero(c->authorization, sizeof c->authorization);
    free(c);
}

void client_closep(struct client **c) { client_close(*c); }

const char *client_state(const struct client *c) { return c->state[0] != '\0' ? c->state : NULL; }

/* ---- one call ---- */

bool client_path(char path[CLIENT_PATH_BYTES], const char *format, ...)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"; /* RFC 3986 section 2.3 */
    size_t used = 0;
    va_list words;
    va_start(words, format);
    for (; *format != '\0' && used + 4 < CLIENT_PATH_BYTES; format++) {
        if (*format != '%') {
            path[used++] = *format;
            continue;
        }
        format++;
        assert(*format == 's');
        for (const char *word = va_arg(words, const char *); *word != '\0' && used + 4 < CLIENT_PATH_BYTES; word++) {
            bool as_is = strchr(unreserved, *word) != NULL;
            used += (size_t)snprintf(path + used, 4, as_is ? "%c" : "%%%02X", (unsigned char)*word);
        }
    }
    va_end(words);
    path[used] = '\0';
    if (*format == '\0' && used + 4 < CLIENT_PATH_BYTES)
        return true;
    print_line(stderr, "postern: too long: %.80s...", path);
    return false;
}

static size_t receive(char *at, size_t size, size_t count, void *context)
{
    struct buf *body = context;
    return buf_append(body, span_make(at, size * count)) ? size * count : 0;
}

static struct curl_slist *headers(const struct client *c)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *more = list != NULL ? curl_slist_append(list, "Expect:") : NULL; /* a body of some MB goes at once */
    if (more != NULL && c->authorization[0] != '\0')
        more = curl_slist_append(list, c->authorization);
    if (more != NULL)
        return list;
    curl_slist_free_all(list);
    return NULL;
}

static void set_body(CURL *curl, const char *method, struct span body)
{
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    if (strcmp(method, "GET") == 0 || strcmp(method, "DELETE") == 0)
        return;
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.bytes);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.at != NULL ? body.at : "");
}

static void set_options(struct client *c, const char *url, struct buf *answer)
{
    CURL *curl = c->curl;
    curl_easy_reset(curl); /* keeps the connection */
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)CALL_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->why);
    if (c->socket[0] != '\0') {
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    if (c->ca[0] != '\0')
        curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca);
}

static int unreachable(const struct client *c, CURLcode result)
{
    const char *why = c->why[0] != '\0' ? c->why : curl_easy_strerror(result);
    long number = 0;
    curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &number);
    if (c->socket[0] == '\0') {
        print_line(stderr, "postern: could not reach the gateway at %s (POSTERN_URL): %s", c->base, why);
        return CLI_UNREACHABLE;
    }
    print_line(stderr, "postern: could not reach the gateway: tried the socket %s: %s", c->socket, number != 0 ? strerror((int)number) : why);
    print_line(stderr, "Is `postern serve` running? Another state folder is named with --state DIR, --config FILE or POSTERN_STATE; another machine with POSTERN_URL.%s",
               number == EACCES ? " The socket belongs to another user." : "");
    return CLI_UNREACHABLE;
}

static int send_request(struct client *c, const char *method, const char *path, struct span body, struct client_answer *answer)
{
    char url[PLACE_BYTES + CLIENT_PATH_BYTES];
    struct curl_slist *list = headers(c);
    if (list == NULL)
        return unreachable(c, CURLE_OUT_OF_MEMORY);
    snprintf(url, sizeof url, "%s%s", c->base, path);
    c->why[0] = '\0';
    set_options(c, url, &answer->body);
    set_body(c->curl, method, body);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, list);
    CURLcode result = curl_easy_perform(c->curl);
    curl_slist_free_all(list);
    if (result != CURLE_OK)
        return unreachable(c, result);
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    return CLI_DONE;
}

/* ---- answers ---- */

void client_answer_done(struct client_answer *a)
{
    if (a == NULL)
        return;
    from_json_free(a->doc);
    buf_wipe(&a->body); /* may hold a new key */
    *a = (struct client_answer){ 0 };
}

static void print_mistakes(const struct from_json_value *root)
{
    struct from_json_value list = from_json_member(root, "mistakes");
    for (size_t i = 0; i < from_json_count(&list); i++) {
        struct from_json_value m = from_json_item(&list, i);
        int line = (int)json_int(&m, "line", 0), column = (int)json_int(&m, "column", 0);
        struct span file = json_text(&m, "file"), message = json_text(&m, "message");
        if (line == 0) /* about a member of what was sent */
            print_line(stderr, "%.*s: %.*s", SPAN_ARGS(file), SPAN_ARGS(message));
        else
            print_line(stderr, "%.*s:%d:%d: %.*s", SPAN_ARGS(file), line, column, SPAN_ARGS(message));
    }
}

static const char *advice(const struct client *c, long status)
{
    if (status == 401)
        return c->socket[0] != '\0' ? "The socket answers to root and to the user that the gateway runs as." : "POSTERN_KEY must hold an API key that is neither expired nor revoked.";
    if (status == 404 && c->socket[0] == '\0')
        return "When every command says so, the administration API is on another listener than POSTERN_URL names (listen.admin.address).";
    return status == 403 && c->socket[0] == '\0' ? "The key needs the scope admin." : "";
}

/* 502 to 504: the gateway, or what it stands on, cannot answer now; the same command may work later. */
static int refused(const struct client *c, const struct client_answer *a)
{
    struct span detail = json_text(&a->root, "detail"), title = json_text(&a->root, "title");
    const char *more = advice(c, a->status);
    if (!span_empty(detail) || !span_empty(title))
        print_line(stderr, "postern: %.*s", SPAN_ARGS(span_empty(detail) ? title : detail));
    else
        print_line(stderr, "postern: the gateway answered %ld", a->status);
    if (more[0] != '\0')
        print_line(stderr, "%s", more);
    print_mistakes(&a->root);
    return a->status >= 502 && a->status <= 504 ? CLI_UNREACHABLE : CLI_NO;
}

int client_call(struct client *c, const char *method, const char *path, const struct buf *body, struct client_answer *answer)
{
    struct from_json_limits limits = { CLIENT_ANSWER_BYTES, CLIENT_DEPTH };
    struct err err = { OK, "" };
    *answer = (struct client_answer){ 0 };
    buf_init(&answer->body, CLIENT_ANSWER_BYTES);
    if (body != NULL && buf_check(body, "what is to be sent", &err) != OK)
        return print_line(stderr, "postern: %s", err.text), CLI_NO;
    int code = send_request(c, method, path, body != NULL ? buf_span(body) : SPAN_NONE, answer);
    if (code != CLI_DONE)
        return code;
    enum err_code parsed = from_json_parse(buf_span(&answer->body), limits, "answer", &answer->doc, &err);
    answer->root = parsed == OK ? from_json_root(answer->doc) : (struct from_json_value){ 0 };
    if (answer->status < 200 || answer->status > 299)
        return refused(c, answer);
    if (parsed == OK)
        return CLI_DONE;
    print_line(stderr, "postern: %s answered something that is not of postern's API: %s", c->base, err.text);
    return CLI_NO;
}

int client_print_json(const struct client_answer *answer)
{
    struct span text = span_trim(buf_span(&answer->body));
    fwrite(text.at, 1, text.bytes, stdout);
    putchar('\n');
    return CLI_DONE;
}

int client_do(const struct args *args, const struct client_do *what)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    char path[CLIENT_PATH_BYTES];
    if (!client_path(path, what->path, args->word_count > 0 ? args->words[0] : ""))
        return CLI_USAGE;
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, what->method, path, what->body, &a);
    if (code == CLI_DONE && args->json)
        return client_print_json(&a);
    if (code == CLI_DONE)
        what->say(args, &a.root);
    return code;
}

/* ---- lists ---- */

/* One page of a list that is printed as JSON: its items follow those of the page before; the last page adds the other members. */
static bool join_page(const struct client_answer *a, const char *key, bool first, bool last, bool *any)
{
    CLEANUP(buf_done) struct buf text;
    struct from_json_value list = from_json_member(&a->root, key), member;
    void *iterator = NULL;
    const char *name;
    bool good = true;
    buf_init(&text, CLIENT_ANSWER_BYTES);
    if (first)
        printf("{\"%s\":[", key);
    for (size_t i = 0; good && i < from_json_count(&list); i++) {
        struct from_json_value item = from_json_item(&list, i);
        good = (!*any || buf_append_byte(&text, ',')) && from_json_write(&item, &text);
        *any = true;
    }
    good = good && (!last || buf_append_byte(&text, ']'));
    while (good && last && from_json_each(&a->root, &iterator, &name, &member))
        if (strcmp(name, key) != 0 && strcmp(name, "after") != 0)
            good = buf_format(&text, ",\"%s\":", name) && from_json_write(&member, &text);
    if (last)
        good = good && buf_append_text(&text, "}\n");
    if (good && text.bytes > 0)
        fwrite(text.at, 1, text.bytes, stdout);
    return good;
}

static void give_items(const struct client_list *list, const struct client_answer *a)
{
    struct from_json_value items = from_json_member(&a->root, list->key);
    for (size_t i = 0; i < from_json_count(&items); i++) {
        struct from_json_value item = from_json_item(&items, i);
        list->item(list->context, &item);
    }
}

static bool page_path(const struct client_list *list, const char *after, char path[CLIENT_PATH_BYTES])
{
    char page[16], query[CLIENT_PATH_BYTES];
    snprintf(page, sizeof page, "%u", list->page);
    if (!client_path(query, after[0] != '\0' ? "limit=%s&after=%s" : "limit=%s", page, after))
        return false;
    return snprintf(path, CLIENT_PATH_BYTES, "%s%s%s", list->path, strchr(list->path, '?') != NULL ? "&" : "?", query) < CLIENT_PATH_BYTES;
}

int client_each(struct client *c, const struct client_list *list)
{
    char after[256] = "", path[CLIENT_PATH_BYTES];
    bool more = true, any = false;
    for (bool first = true; more; first = false) {
        CLEANUP(client_answer_done) struct client_answer a = { 0 };
        if (list->page != 0 && !page_path(list, after, path))
            return CLI_USAGE;
        int code = client_call(c, "GET", list->page != 0 ? path : list->path, NULL, &a);
        if (code != CLI_DONE)
            return code;
        struct span next = list->page != 0 ? json_text(&a.root, "after") : SPAN_NONE;
        more = !span_empty(next) && !span_equal_text(next, after);
        snprintf(after, sizeof after, "%.*s", SPAN_ARGS(next));
        if (!list->json)
            give_items(list, &a);
        else if (first && !more)
            client_print_json(&a);
        else if (!join_page(&a, list->key, first, !more, &any))
            return CLI_NO;
    }
    return CLI_DONE;
}
