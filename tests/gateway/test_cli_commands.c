/* Whole commands against a gateway that answers from a script, over the unix socket they use: what they ask, what they print, how they exit. */
#include "gateway/cli/cli.h"
#include "posture/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
enum { ANSWERS = 6, WORDS = 14, REQUEST_BYTES = 64 * 1024, OUTPUT_BYTES = 64 * 1024 };

struct answer { int status; const char *body; };
struct gateway {
    char folder[64], policy[96], input[96];
    int listener;
    pthread_t thread;
    const struct answer *answers;
    size_t count, served;
    struct buf requests; /* request lines and bodies, one a line */
};

static bool whole(struct span request, struct span *body)
{
    struct span mark = SPAN_LITERAL("\r\n\r\n"), name = SPAN_LITERAL("Content-Length: ");
    size_t end = span_search(request, mark), at = span_search(request, name);
    if (end == request.bytes)
        return false;
    struct span number = span_slice(request, at + name.bytes, request.bytes);
    uint64_t bytes = 0;
    bool has = at < end && span_to_u64(span_slice(number, 0, span_find(number, '\r')), &bytes);
    *body = span_slice(request, end + mark.bytes, request.bytes);
    return !has || body->bytes >= bytes;
}

static void note(struct gateway *g, struct span request, struct span body)
{
    buf_append(&g->requests, span_slice(request, 0, span_search(request, SPAN_LITERAL(" HTTP/1.1"))));
    buf_append_byte(&g->requests, ' ');
    buf_append(&g->requests, body);
    buf_append_byte(&g->requests, '\n');
}

static void answer(struct gateway *g, int fd)
{
    static char request[REQUEST_BYTES];
    size_t bytes = 0;
    struct span body = SPAN_NONE;
    char head[256];
    while (bytes < sizeof request && !whole(span_make(request, bytes), &body)) {
        ssize_t got = read(fd, request + bytes, sizeof request - bytes);
        if (got <= 0)
            return;
        bytes += (size_t)got;
    }
    const struct answer *a = &g->answers[g->served++];
    note(g, span_make(request, bytes), body);
    int length = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", a->status, strlen(a->body));
    if (write(fd, head, (size_t)length) != length || write(fd, a->body, strlen(a->body)) < 0)
        perror("the scripted gateway");
}

static void *serve(void *context)
{
    struct gateway *g = context;
    while (g->served < g->count) {
        int fd = accept(g->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        answer(g, fd);
        close(fd);
    }
    return NULL;
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    fclose(f);
}

static void gateway_start(struct gateway *g, const struct answer *answers, size_t count)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    *g = (struct gateway){ .answers = answers, .count = count };
    buf_init(&g->requests, 1024 * 1024);
    snprintf(g->folder, sizeof g->folder, "/tmp/postern-cli-XXXXXX");
    assert_non_null(mkdtemp(g->folder));
    snprintf(g->policy, sizeof g->policy, "%s/policy.yaml", g->folder);
    snprintf(g->input, sizeof g->input, "%s/people.csv", g->folder);
    write_text(g->policy, "policy: x\n");
    write_text(g->input, "email,name\na@x.example,A\nb@x.example\nc@x.example,C\n");
    snprintf(address.sun_path, sizeof address.sun_path, "%s/admin.sock", g->folder);
    g->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(g->listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(g->listener, 8), 0);
    assert_int_equal(pthread_create(&g->thread, NULL, serve, g), 0);
}

static void gateway_stop(struct gateway *g)
{
    static const char *const files[] = { "admin.sock", "policy.yaml", "people.csv", "agent/enroll_secret", "agent/osquery.flags", "agent/posture-ca.pem" };
    char path[128];
    shutdown(g->listener, SHUT_RDWR);
    pthread_join(g->thread, NULL);
    close(g->listener);
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", g->folder, files[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/agent", g->folder);
    rmdir(path);
    rmdir(g->folder);
    buf_done(&g->requests);
}

/* Runs the command with its standard streams in files; {policy} and {input} stand for the gateway's files, {folder} for a new folder. */
static int run_command(struct gateway *g, const char *const *words, char *out, char *said)
{
    char *argv[WORDS + 4] = { (char *)(uintptr_t)"postern" }, agent[96];
    FILE *streams[3] = { fopen("/dev/null", "r"), tmpfile(), tmpfile() };
    int kept[3], argc = 1;
    snprintf(agent, sizeof agent, "%s/agent", g->folder);
    for (size_t i = 0; i < WORDS && words[i] != NULL; i++)
        argv[argc++] = strcmp(words[i], "{policy}") == 0 ? g->policy : strcmp(words[i], "{input}") == 0 ? g->input : strcmp(words[i], "{folder}") == 0 ? agent : (char *)(uintptr_t)words[i];
    argv[argc++] = (char *)(uintptr_t)"--state";
    argv[argc++] = g->folder;
    fflush(stdout);
    for (int i = 0; i < 3; i++) {
        assert_non_null(streams[i]);
        kept[i] = dup(i);
        dup2(fileno(streams[i]), i);
    }
    int code = cli_main(argc, argv);
    fflush(stdout);
    for (int i = 0; i < 3; i++) {
        dup2(kept[i], i);
        close(kept[i]);
    }
    char *texts[2] = { out, said };
    for (int i = 0; i < 2; i++) {
        rewind(streams[i + 1]);
        texts[i][fread(texts[i], 1, OUTPUT_BYTES - 1, streams[i + 1])] = '\0';
    }
    for (int i = 0; i < 3; i++)
        fclose(streams[i]);
    return code;
}

#define PLAN(closes) "{\"in_force\":\"1111111111111111\",\"version\":\"2222222222222222\",\"changes\":[\"app x: added\"],\"affected\":[{\"device\":\"d_1\",\"name\":\"dover\"," \
                     "\"email\":\"a@x.example\",\"from\":\"\",\"to\":\"all\"}],\"affected_devices\":1,\"closes_more\":" closes ",\"opens\":0,\"mistakes\":[]}"
#define MANY "{\"in_force\":\"1111111111111111\",\"version\":\"2222222222222222\",\"changes\":[],\"affected\":[],\"affected_devices\":41,\"closes_more\":41,\"opens\":0," \
             "\"persons\":100,\"blocked_persons\":40,\"needs_number\":true,\"mistakes\":[]}"
#define APPLIED "{\"version\":\"2222222222222222\",\"in_force\":true}"
#define SECRET "{\"id\":\"s1\",\"secret\":\"hush\",\"osquery_flags\":\"--tls_hostname=h\\n--tls_server_certs=/etc/osquery/postern-ca.pem\\n\",\"certificate_pem\":\"PEM\"}"

#define TEN(x) x x x x x x x x x x
#define LONG TEN(TEN("0123456789012345678901234567890123456789012345"))
#define QUIET_DAYS TEN("{},{},{},{},")

struct row { const char *name, *words[WORDS]; struct answer answers[ANSWERS]; int code; const char *asked, *out, *said; };

/* `out` and `said` must be found in what was printed; `asked` is everything that was asked (NULL: the body names a file of this run). */
static void run_row(const struct row *row)
{
    static char out[OUTPUT_BYTES], said[OUTPUT_BYTES];
    struct gateway g;
    size_t count = 0;
    while (count < ANSWERS && row->answers[count].body != NULL)
        count++;
    gateway_start(&g, row->answers, count);
    int code = run_command(&g, row->words, out, said);
    const char *asked = buf_text(&g.requests) != NULL ? buf_text(&g.requests) : "";
    bool good = code == row->code && (row->asked == NULL || strcmp(asked, row->asked) == 0) && strstr(out, row->out) != NULL && strstr(said, row->said) != NULL && g.served == count;
    if (!good)
        print_error("%s: exit %d\nasked:\n%sprinted:\n%ssaid:\n%s", row->name, code, asked, out, said);
    gateway_stop(&g);
    assert_true(good);
}

static void commands_ask_print_and_exit(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "a list of one page is printed as it came", { "person", "list", "--json" }, { { 200, "{\"persons\":[{\"id\":\"p_1\"}],\"total\":1}" } }, 0,
          "GET /admin/v1/persons?limit=500 \n", "{\"persons\":[{\"id\":\"p_1\"}],\"total\":1}\n", "" },
        { "pages are joined to one answer", { "person", "list", "--json", "--query", "a b" },
          { { 200, "{\"persons\":[{\"id\":\"p_1\"}],\"total\":2,\"after\":\"p_1\"}" }, { 200, "{\"persons\":[{\"id\":\"p_2\"}],\"total\":2,\"after\":\"p_2\"}" }, { 200, "{\"persons\":[],\"total\":2}" } }, 0,
          "GET /admin/v1/persons?q=a%20b&limit=500 \nGET /admin/v1/persons?q=a%20b&limit=500&after=p_1 \nGET /admin/v1/persons?q=a%20b&limit=500&after=p_2 \n",
          "{\"persons\":[{\"id\":\"p_1\"},{\"id\":\"p_2\"}],\"total\":2}\n", "" },
        { "a server that never ends its pages is left", { "person", "list", "--json" },
          { { 200, "{\"persons\":[],\"after\":\"p_1\"}" }, { 200, "{\"persons\":[],\"after\":\"p_1\"}" } }, 0,
          "GET /admin/v1/persons?limit=500 \nGET /admin/v1/persons?limit=500&after=p_1 \n", "{\"persons\":[]}\n", "" },
        { "a table is aligned", { "key", "list" },
          { { 200, "{\"keys\":[{\"id\":\"k1\",\"label\":\"a long label\",\"scopes\":[\"decide\",\"facts\"],\"state\":\"active\",\"created_at\":\"C\"},{\"id\":\"k2\",\"scopes\":[]}]}" } }, 0, "GET /admin/v1/keys \n",
          "KEY  LABEL         SCOPES         DOOR  STATE   CREATED  EXPIRES\nk1   a long label  decide, facts  -     active  C        -\nk2   -             -              -     -       -        -\n", "" },
        { "a problem's detail is said", { "device", "show", "a/b" }, { { 404, "{\"title\":\"Not Found\",\"detail\":\"no such device\"}" } }, 1, "GET /admin/v1/devices/a%2Fb \n", "",
          "postern: no such device\n" },
        { "a busy gateway is out of reach", { "device", "show", "x" }, { { 503, "{\"title\":\"Service Unavailable\"}" } }, 3, "GET /admin/v1/devices/x \n", "", "postern: Service Unavailable\n" },
        { "an answer that is not JSON", { "device", "show", "x" }, { { 200, "<html>" } }, 1, "GET /admin/v1/devices/x \n", "", "is not of postern's API" },
        { "a refusal that is not JSON", { "device", "show", "x" }, { { 500, "<html>" } }, 1, "GET /admin/v1/devices/x \n", "", "postern: the gateway answered 500\n" },
        { "hostile text is printed without its escapes", { "person", "show", "x" }, { { 200, "{\"id\":\"p_1\",\"name\":\"a\\u001b[2Jb\"}" } }, 0, "GET /admin/v1/persons/x \n", "a?[2Jb", "" },
        { "a key goes to standard output alone", { "key", "create", "--scope", "decide", "--scope=facts", "--expires", "1d" }, { { 201, "{\"id\":\"k1\",\"key\":\"pst_k1_x\"}" } }, 0,
          "POST /admin/v1/keys {\"scopes\":[\"decide\",\"facts\"],\"expires\":\"1d\"}\n", "pst_k1_x\n", "shown this once" },
        { "a key without a scope is not asked for", { "key", "create" }, { { 0 } }, 2, "", "", "create needs --scope" },
        { "a plan counts, then names", { "plan", "{policy}" }, { { 200, PLAN("1") } }, 0, NULL, "closed more: 1, opened: 0\nPERSON       DEVICE  FROM  TO\na@x.example  dover   open  all\n", "" },
        { "mistakes are said with their places", { "plan", "{policy}" },
          { { 422, "{\"title\":\"The policy has mistakes\",\"mistakes\":[{\"file\":\"f\",\"line\":2,\"column\":3,\"message\":\"bad\"}]}" } }, 1, NULL, "", "f:2:3: bad\n" },
        { "what closes nothing is applied", { "apply", "{policy}" }, { { 200, PLAN("0") }, { 200, APPLIED } }, 0, NULL, "in force: 2222222222222222\n", "" },
        { "what closes more needs a yes", { "apply", "{policy}" }, { { 200, PLAN("1") } }, 1, NULL, "app x: added", "say --yes" },
        { "with a yes it is applied at once", { "apply", "{policy}", "--yes" }, { { 200, PLAN("1") }, { 200, APPLIED } }, 0, NULL, "in force: 2222222222222222\n", "" },
        { "many people need their number", { "apply", "{policy}", "--yes" }, { { 200, MANY } }, 1, NULL, "", "say --yes-block 40 " },
        { "another number is not theirs", { "apply", "{policy}", "--yes-block", "39" }, { { 200, MANY } }, 1, NULL, "", "say --yes-block 40 " },
        { "with their number it is applied", { "apply", "{policy}", "--yes-block", "40" }, { { 200, MANY }, { 200, APPLIED } }, 0, NULL, "in force: 2222222222222222\n", "" },
        { "going back", { "apply", "--version", "12345678" }, { { 200, APPLIED } }, 0, "POST /admin/v1/policy/apply {\"version\":\"12345678\"}\n", "in force: 2222222222222222\n", "" },
        { "people are sent, refusals named by line", { "person", "import", "{input}" },
          { { 200, "{\"persons\":[{\"result\":\"created\"},{\"result\":\"refused\",\"error\":\"persons[1].zone: unknown\"}],\"created\":1,\"changed\":0,\"same\":0,\"refused\":1}" } }, 1,
          "POST /admin/v1/persons {\"persons\":[{\"email\":\"a@x.example\",\"name\":\"A\"},{\"email\":\"c@x.example\",\"name\":\"C\"}]}\n", "1 created, 0 changed, 0 same, 2 refused\n",
          "line 3: has 1 fields, the header 2\nline 4: zone: unknown\n" },
        { "an owner is set", { "device", "assign", "S1", "a@x.example", "--force" }, { { 200, "{\"device\":\"d_1\"}" } }, 0,
          "PUT /admin/v1/devices/S1/owner {\"person\":\"a@x.example\",\"force\":true}\n", "d_1 belongs to a@x.example\n", "" },
        { "an explanation has an outcome and numbered steps", { "explain", "--person", "a@x.example", "--app", "pay&roll" },
          { { 200, "{\"decision\":{\"outcome\":\"deny\",\"rule\":\"ladder_closed\",\"failing\":[]},\"steps\":[\"one\",\"two\"]}" } }, 0,
          "GET /admin/v1/explain?person=a%40x.example&app=pay%26roll \n", "outcome    deny by rule ladder_closed\n\nstep by step\n  1. one\n  2. two\n", "" },
        { "nothing was archived on this machine yet", { "audit", "export" }, { { 0 } }, 0, "", "", "" },
        { "a folder that is missing is no empty archive", { "audit", "export", "/nowhere" }, { { 0 } }, 1, "", "", "/nowhere" },
        { "nor is a folder of something else, in a list", { "audit", "list", "/dev" }, { { 0 } }, 1, "", "", "holds no archive" },
        { "a delivery is sent again", { "delivery", "resend", "x1" }, { { 202, "{\"id\":\"x1\",\"state\":\"sending\"}" } }, 0, "POST /admin/v1/deliveries/x1/resend \n", "x1 is sent again\n", "" },
        { "doctor fails when the store is silent", { "doctor" }, { { 200, "{\"version\":\"1\",\"store\":{\"ok\":false,\"about\":\"refused\"},\"policy\":{\"name\":\"x\",\"version\":\"0123456789abcdef\"},"
          "\"directory\":{\"devices\":1,\"persons\":1,\"unowned\":0,\"complete\":true},\"channels\":[],\"webhooks\":[],\"warnings\":[]}" }, { 200, "{\"managers\":[]}" } }, 1, "GET /admin/v1/status \nGET /admin/v1/mdm \n", "fail  store: refused\n      -> start Redis", "" },
        { "doctor warns and is content", { "doctor" }, { { 200, "{\"version\":\"1\",\"store\":{\"ok\":true,\"about\":\"redis\"},\"policy\":{\"name\":\"x\",\"version\":\"0123456789abcdef\"},"
          "\"directory\":{\"devices\":2,\"persons\":1,\"unowned\":1,\"complete\":true},\"channels\":[],\"webhooks\":[{\"id\":\"siem\",\"state\":\"failing\",\"detail\":\"no\",\"waiting\":3,\"set_aside\":0}],\"warnings\":[\"w\"]}" }, { 200, "{\"managers\":[]}" } }, 0,
          "GET /admin/v1/status \nGET /admin/v1/mdm \n", "warn  siem: failing: no (3 waiting, 0 set aside)\n", "" },
        { "a person's absences and snoozes are shown until they are over", { "person", "show", "x" },
          { { 200, "{\"id\":\"p_1\",\"absences\":[{\"from\":\"2026-01-01T00:00:00Z\",\"to\":\"2026-01-02T00:00:00Z\"},{\"from\":\"2026-01-01T00:00:00Z\",\"to\":\"9999-01-02T00:00:00Z\"},"
                   "{\"from\":\"2026-02-01T00:00:00Z\"}],\"snoozes\":[{\"device\":\"d_1\",\"check\":\"firewall\",\"from\":\"A\",\"to\":\"9999\"}]}" } }, 0, "GET /admin/v1/persons/x \n",
          "away           from 2026-01-01T00:00:00Z to 9999-01-02T00:00:00Z\n               from 2026-02-01T00:00:00Z to further notice\nsnoozed        firewall on d_1, from A to 9999\n", "" },
        { "what is too long to be sent is not sent in part", { "exemption", "ask", "--group", "g", "--check", "c", "--reason", LONG, "--measure", LONG }, { { 0 } }, 1, "", "", "what is to be sent: longer than 8192 bytes" },
        { "an exemption that was asked for before", { "exemption", "ask", "--group", "g", "--check", "c", "--reason", "r" }, { { 200, "{\"id\":\"e_1\",\"state\":\"asked\"}" } }, 0,
          "POST /admin/v1/exemptions {\"scope\":\"group\",\"subject\":\"g\",\"check\":\"c\",\"reason\":\"r\"}\n", "e_1 asked", "it was asked for before; what was said then stays\n" },
        { "who was invited before is counted once", { "slack", "onboard", "everyone" },
          { { 200, "{\"invited\":2,\"already\":1,\"left\":1}" }, { 200, "{\"invited\":1,\"already\":3,\"left\":0}" } }, 0,
          "POST /admin/v1/onboarding {\"everyone\":true}\nPOST /admin/v1/onboarding {\"everyone\":true}\n", "invited: 3, invited before: 1;", "" },
        { "a simulation's days are those on which something happens", { "simulate", "--policy", "{policy}", "--since", "60d" },
          { { 202, "{\"id\":\"e_1\"}" }, { 200, "{\"state\":\"done\",\"result\":{\"mode\":\"back\",\"days\":[" QUIET_DAYS "{\"day\":\"2026-11-29\",\"nudges\":2}]}}" } }, 0, NULL,
          "2026-11-29  2         0         0\ndays on which nothing happens, or that are not shown: 40\n", "" },
        { "a simulation looks back a year at most", { "simulate", "--policy", "{policy}", "--since", "9999d" }, { { 0 } }, 2, "", "", "from 1m to 365d" },
        { "a ring's step without a reason", { "ring", "show" }, { { 200, "{\"version\":\"1\",\"ring\":{\"state\":\"halted\",\"since\":\"S\",\"by\":\"admin\"}}" } }, 0, "GET /admin/v1/policy/ring \n", "  since S by admin\n", "" },
        { "a report has one form", { "report", "--csv", "--json" }, { { 0 } }, 2, "", "", "give --csv or --json, not both" },
        { "a secret's files are named in its flags", { "enroll-secret", "create", "--write", "{folder}", "--label", "l" }, { { 201, SECRET } }, 0, "POST /admin/v1/enroll-secrets {\"label\":\"l\"}\n",
          "hush\n", "shown this once" },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        run_row(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(commands_ask_print_and_exit) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
