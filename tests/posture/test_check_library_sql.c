/* The SQL of the check library, proved without an agent: each statement is prepared in SQLite over empty tables that have
 * exactly the columns which osquery has on that platform (tests/vectors/osquery/schema.json).
 * Like osquery's own tables these are virtual ones, so a statement that leaves out a required column finds no plan here
 * either. Each table also carries one column that no statement may name: only SELECT * would read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <dirent.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define ONLY_A_STAR_READS_THIS "only_a_star_reads_this"

enum { REASON_MAX = 512, SQL_MAX = 4096, PATH_BYTES = 1024, MIN_CHECKS = 24 };

static const char *const PLATFORMS[] = { "macos", "windows", "linux" };
enum { PLATFORM_COUNT = sizeof PLATFORMS / sizeof PLATFORMS[0] };

/* One platform's empty tables. Borrows `schema`. */
struct world {
    const json_t *schema;
    const char *platform;
    sqlite3 *database;
    bool star;    /* a statement read the column that only a star reads */
    bool foreign; /* a statement did something other than read a listed table */
};

struct fixture {
    json_t *schema;
    struct world worlds[PLATFORM_COUNT];
};

static bool text_in(const json_t *list, const char *text)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        if (strcmp(json_string_value(item), text) == 0)
            return true;
    }
    return false;
}

static const json_t *table_named(const json_t *schema, const char *name)
{
    size_t index;
    json_t *table;
    json_array_foreach(json_object_get(schema, "tables"), index, table)
    {
        if (strcmp(json_string_value(json_object_get(table, "name")), name) == 0)
            return table;
    }
    return NULL;
}

static bool column_is_on(const json_t *column, const char *platform)
{
    const json_t *platforms = json_object_get(column, "platforms");
    return platforms == NULL || text_in(platforms, platform);
}

/* The virtual table: columns, no rows, and the demand for a constraint on a required column. */
struct empty_table {
    sqlite3_vtab base; /* must be first */
    bool needs_one;
    bool required[64];
};

static int table_connect(sqlite3 *database, void *aux, int argc, const char *const *argv, sqlite3_vtab **out, char **error)
{
    (void)argc;
    (void)error;
    const struct world *world = aux;
    const json_t *table = table_named(world->schema, argv[2]);
    struct empty_table *made = sqlite3_malloc(sizeof *made);
    if (table == NULL || made == NULL) {
        sqlite3_free(made);
        return SQLITE_ERROR;
    }
    memset(made, 0, sizeof *made);
    char declaration[SQL_MAX] = "CREATE TABLE x(" ONLY_A_STAR_READS_THIS " TEXT";
    size_t length = strlen(declaration);
    size_t index;
    size_t number = 1;
    json_t *column;
    json_array_foreach(json_object_get(table, "columns"), index, column)
    {
        if (!column_is_on(column, world->platform))
            continue;
        length += (size_t)snprintf(declaration + length, sizeof declaration - length, ", \"%s\" %s",
                                   json_string_value(json_object_get(column, "name")),
                                   json_string_value(json_object_get(column, "type")));
        assert_true(length < sizeof declaration && number < sizeof made->required / sizeof made->required[0]);
        made->required[number] = json_is_true(json_object_get(column, "required"));
        made->needs_one = made->needs_one || made->required[number];
        number++;
    }
    assert_true(length + 2 < sizeof declaration);
    memcpy(declaration + length, ")", 2);
    *out = &made->base;
    return sqlite3_declare_vtab(database, declaration);
}

static int table_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

static int table_plan(sqlite3_vtab *table, sqlite3_index_info *plan)
{
    const struct empty_table *empty = (const struct empty_table *)table;
    bool given = !empty->needs_one;
    for (int i = 0; i < plan->nConstraint; i++) {
        const int column = plan->aConstraint[i].iColumn;
        const unsigned char op = plan->aConstraint[i].op;
        if (plan->aConstraint[i].usable && column >= 0 && empty->required[column] &&
            (op == SQLITE_INDEX_CONSTRAINT_EQ || op == SQLITE_INDEX_CONSTRAINT_LIKE))
            given = true;
    }
    plan->estimatedCost = 1000;
    return given ? SQLITE_OK : SQLITE_CONSTRAINT;
}

static int cursor_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    *out = sqlite3_malloc(sizeof **out);
    if (*out == NULL)
        return SQLITE_NOMEM;
    memset(*out, 0, sizeof **out);
    return SQLITE_OK;
}

static int cursor_close(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int cursor_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int argc, sqlite3_value **argv)
{
    (void)cursor;
    (void)number;
    (void)text;
    (void)argc;
    (void)argv;
    return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *cursor)
{
    (void)cursor;
    return SQLITE_OK;
}

static int cursor_at_end(sqlite3_vtab_cursor *cursor)
{
    (void)cursor;
    return 1;
}

static int cursor_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column)
{
    (void)cursor;
    (void)column;
    sqlite3_result_null(context);
    return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    (void)cursor;
    *out = 0;
    return SQLITE_OK;
}

static const sqlite3_module EMPTY_TABLES = {
    .xCreate = table_connect,
    .xConnect = table_connect,
    .xBestIndex = table_plan,
    .xDisconnect = table_disconnect,
    .xDestroy = table_disconnect,
    .xOpen = cursor_open,
    .xClose = cursor_close,
    .xFilter = cursor_filter,
    .xNext = cursor_next,
    .xEof = cursor_at_end,
    .xColumn = cursor_column,
    .xRowid = cursor_rowid,
};

/* A statement may read listed tables and call functions, and nothing else: no pragma, no write, no sqlite_schema. */
static int only_reading(void *aux, int action, const char *first, const char *second, const char *database, const char *by)
{
    (void)database;
    (void)by;
    struct world *world = aux;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_FUNCTION:
        return SQLITE_OK;
    case SQLITE_READ:
        if (strcmp(second, ONLY_A_STAR_READS_THIS) == 0) {
            world->star = true;
            return SQLITE_DENY;
        }
        if (table_named(world->schema, first) != NULL)
            return SQLITE_OK;
        break;
    default:
        break;
    }
    world->foreign = true;
    return SQLITE_DENY;
}

static void null_function(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    sqlite3_result_null(context);
}

static void world_init(struct world *world, const json_t *schema, const char *platform)
{
    *world = (struct world){ .schema = schema, .platform = platform };
    assert_int_equal(sqlite3_open(":memory:", &world->database), SQLITE_OK);
    assert_int_equal(sqlite3_create_module(world->database, "empty", &EMPTY_TABLES, world), SQLITE_OK);
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(schema, "functions"), index, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        const int arguments = (int)json_integer_value(json_object_get(item, "arguments"));
        assert_int_equal(sqlite3_create_function(world->database, name, arguments, SQLITE_UTF8, NULL, null_function, NULL,
                                                 NULL),
                         SQLITE_OK);
    }
    json_array_foreach(json_object_get(schema, "tables"), index, item)
    {
        if (!text_in(json_object_get(item, "platforms"), platform))
            continue;
        char *sql = sqlite3_mprintf("CREATE VIRTUAL TABLE \"%w\" USING empty",
                                    json_string_value(json_object_get(item, "name")));
        assert_int_equal(sqlite3_exec(world->database, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_free(sql);
    }
    assert_int_equal(sqlite3_set_authorizer(world->database, only_reading, world), SQLITE_OK);
}

static bool is_name(const char *text)
{
    if (text == NULL || !islower((unsigned char)*text))
        return false;
    for (; *text != '\0'; text++)
        if (!islower((unsigned char)*text) && !isdigit((unsigned char)*text) && *text != '_')
            return false;
    return true;
}

/* Why one prepared statement's columns cannot be named by an expression; NULL when they can. */
static const char *columns_refusal(sqlite3_stmt *statement)
{
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        if (!is_name(sqlite3_column_name(statement, i)))
            return "a result column has no name of its own";
        for (int j = 0; j < i; j++)
            if (strcmp(sqlite3_column_name(statement, i), sqlite3_column_name(statement, j)) == 0)
                return "two result columns have one name";
    }
    return NULL;
}

/* Prepares `sql`. True when it is one reading statement over tables and columns of that platform, and then *out is the
 * statement, owned, if out is not NULL; else false and a line in `reason`. */
static bool statement_stands(struct world *world, const char *sql, sqlite3_stmt **out, char reason[REASON_MAX])
{
    sqlite3_stmt *statement = NULL;
    const char *rest = "";
    const char *why = NULL;
    world->star = false;
    world->foreign = false;
    if (sqlite3_prepare_v2(world->database, sql, -1, &statement, &rest) != SQLITE_OK)
        why = world->star ? "uses a star" : world->foreign ? "does more than read" : sqlite3_errmsg(world->database);
    else if (statement == NULL)
        why = "is empty";
    else if (rest[strspn(rest, " \t\r\n;")] != '\0')
        why = "is more than one statement";
    else
        why = columns_refusal(statement);
    if (why != NULL)
        snprintf(reason, REASON_MAX, "%s", why);
    if (why != NULL || out == NULL)
        sqlite3_finalize(statement);
    else
        *out = statement;
    return why == NULL;
}

static bool has_column(sqlite3_stmt *statement, const char *name, size_t length)
{
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        const char *column = sqlite3_column_name(statement, i);
        if (strlen(column) == length && strncmp(column, name, length) == 0)
            return true;
    }
    return false;
}

static bool is_word_of_the_language(const char *name, size_t length)
{
    static const char *const WORDS[] = { "and", "or", "not", "in", "any", "all", "rows" };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (strlen(WORDS[i]) == length && strncmp(WORDS[i], name, length) == 0)
            return true;
    return false;
}

/* Whether each name in an expression is a word of the language or a column of the statement. */
static bool expression_stands(sqlite3_stmt *statement, const char *text, char reason[REASON_MAX])
{
    while (*text != '\0') {
        if (*text == '"') {
            const char *end = strchr(text + 1, '"');
            if (end == NULL) {
                snprintf(reason, REASON_MAX, "a text in the expression has no end");
                return false;
            }
            text = end + 1;
        } else if (isdigit((unsigned char)*text)) {
            text += strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz");
        } else if (isalpha((unsigned char)*text)) {
            const size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_.");
            const bool is_version = length == strlen("version") && strncmp(text, "version", length) == 0;
            const bool called = is_version && text[length] == '(';
            if (length == 0 || (!called && !is_word_of_the_language(text, length) && !has_column(statement, text, length))) {
                snprintf(reason, REASON_MAX, "the expression names %.*s", (int)(length == 0 ? 1 : length), text);
                return false;
            }
            text += length;
        } else {
            text++;
        }
    }
    return true;
}

/* The same for the {names} of a template. */
static bool template_stands(sqlite3_stmt *statement, const char *text, char reason[REASON_MAX])
{
    for (const char *open = strchr(text, '{'); open != NULL; open = strchr(open + 1, '{')) {
        const size_t length = strcspn(open + 1, "}");
        const bool is_rows = length == strlen("rows") && strncmp(open + 1, "rows", length) == 0;
        if (open[1 + length] != '}' || (!is_rows && !has_column(statement, open + 1, length))) {
            snprintf(reason, REASON_MAX, "saw names %.*s", (int)length, open + 1);
            return false;
        }
    }
    return true;
}

/* One library file, parsed. */
struct library_file {
    yaml_document_t document;
    char name[256];
};

static const char *scalar(yaml_node_t *node)
{
    return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static yaml_node_t *member(yaml_document_t *document, yaml_node_t *mapping, const char *key)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top; pair++) {
        const char *name = scalar(yaml_document_get_node(document, pair->key));
        if (name != NULL && strcmp(name, key) == 0)
            return yaml_document_get_node(document, pair->value);
    }
    return NULL;
}

/* The text of a field that is one text or one for each platform; NULL when it is absent. */
static const char *field(struct library_file *file, const char *key, const char *platform)
{
    yaml_node_t *node = member(&file->document, yaml_document_get_root_node(&file->document), key);
    const char *text = scalar(node);
    return text != NULL ? text : scalar(member(&file->document, node, platform));
}

static void load_file(struct library_file *file, const char *folder, const char *name)
{
    char path[PATH_BYTES];
    assert_true((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path);
    assert_true((size_t)snprintf(file->name, sizeof file->name, "%s", name) < sizeof file->name);
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    yaml_parser_t parser;
    assert_int_equal(yaml_parser_initialize(&parser), 1);
    yaml_parser_set_input_file(&parser, stream);
    if (yaml_parser_load(&parser, &file->document) != 1)
        fail_msg("%s: line %zu: %s", name, parser.problem_mark.line + 1, parser.problem);
    yaml_parser_delete(&parser);
    fclose(stream);
}

/* Proves one platform of one file: the statement, then each name that its expressions and its template use. Counts what is
 * wrong and says so on standard error. */
static unsigned platform_mistakes(struct world *world, struct library_file *file)
{
    const char *sql = field(file, "osquery", world->platform);
    char reason[REASON_MAX] = "";
    sqlite3_stmt *statement = NULL;
    if (!statement_stands(world, sql, &statement, reason)) {
        print_error("%s: osquery.%s: %s\n", file->name, world->platform, reason);
        return 1;
    }
    unsigned mistakes = 0;
    static const char *const EXPRESSIONS[] = { "pass", "unknown_if" };
    for (size_t i = 0; i < sizeof EXPRESSIONS / sizeof EXPRESSIONS[0]; i++) {
        const char *text = field(file, EXPRESSIONS[i], world->platform);
        if (text != NULL && !expression_stands(statement, text, reason)) {
            print_error("%s: %s (%s): %s\n", file->name, EXPRESSIONS[i], world->platform, reason);
            mistakes++;
        }
    }
    const char *saw = field(file, "saw", world->platform);
    if (saw != NULL && !template_stands(statement, saw, reason)) {
        print_error("%s: %s: %s\n", file->name, world->platform, reason);
        mistakes++;
    }
    sqlite3_finalize(statement);
    return mistakes;
}

static void every_statement_reads_real_columns_of_its_platform(void **state)
{
    struct fixture *fixture = *state;
    DIR *folder = opendir(CHECK_LIBRARY_DIR);
    assert_non_null(folder);
    unsigned files = 0;
    unsigned mistakes = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".yaml") != 0)
            continue;
        struct library_file file;
        load_file(&file, CHECK_LIBRARY_DIR, entry->d_name);
        unsigned platforms = 0;
        for (size_t i = 0; i < PLATFORM_COUNT; i++) {
            if (field(&file, "osquery", PLATFORMS[i]) == NULL)
                continue;
            mistakes += platform_mistakes(&fixture->worlds[i], &file);
            platforms++;
        }
        if (platforms == 0) {
            print_error("%s: has no statement\n", file.name);
            mistakes++;
        }
        yaml_document_delete(&file.document);
        files++;
    }
    closedir(folder);
    assert_true(files >= MIN_CHECKS);
    assert_int_equal(mistakes, 0);
}

static struct world *world_of(struct fixture *fixture, const char *platform)
{
    for (size_t i = 0; i < PLATFORM_COUNT; i++)
        if (strcmp(fixture->worlds[i].platform, platform) == 0)
            return &fixture->worlds[i];
    fail_msg("no platform %s", platform);
    return NULL;
}

static void a_broken_statement_is_refused(void **state)
{
    static const struct {
        const char *name, *platform, *sql, *reason;
    } ROWS[] = {
        { "unknown column", "macos", "SELECT global_stat FROM alf", "no such column" },
        { "unknown table", "macos", "SELECT version FROM os_versions", "no such table" },
        { "a table of another platform", "linux", "SELECT global_state FROM alf", "no such table" },
        { "a column of another platform", "linux", "SELECT filevault_status FROM disk_encryption", "no such column" },
        { "a column of another platform in a join", "windows", "SELECT m.path FROM mounts m", "no such table" },
        { "a star", "macos", "SELECT * FROM alf", "uses a star" },
        { "a star of one table", "linux", "SELECT m.* FROM mounts m", "uses a star" },
        { "a star in a subselect", "linux", "SELECT path FROM (SELECT * FROM mounts)", "uses a star" },
        { "two statements", "linux", "SELECT name FROM os_version; SELECT name FROM os_version", "more than one" },
        { "empty", "linux", " ", "is empty" },
        { "a comment only", "linux", "-- nothing", "is empty" },
        { "not SQL", "linux", "SELEC name FROM os_version", "syntax error" },
        { "unknown function", "linux", "SELECT reverse_name(name) AS name FROM os_version", "no such function" },
        { "a column without a name", "linux", "SELECT COUNT(*) FROM os_version", "no name" },
        { "one name twice", "linux", "SELECT name, platform AS name FROM (SELECT name, major AS platform FROM os_version)",
          "one name" },
        { "file without a path", "linux", "SELECT COUNT(*) AS hits FROM file", "no query solution" },
        { "file with a path that is no constraint", "linux", "SELECT COUNT(*) AS hits FROM file WHERE path > '/etc'",
          "no query solution" },
        { "plist without a path", "macos", "SELECT value FROM plist WHERE key = 'GuestEnabled'", "no query solution" },
        { "a write", "linux", "CREATE TEMP TABLE mine (x TEXT)", "does more than read" },
        { "a pragma", "linux", "PRAGMA table_info(mounts)", "does more than read" },
        { "another database", "linux", "ATTACH '/tmp/x' AS x", "does more than read" },
        { "SQLite's own tables", "linux", "SELECT name FROM sqlite_master", "does more than read" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        char reason[REASON_MAX] = "";
        if (statement_stands(world_of(*state, ROWS[i].platform), ROWS[i].sql, NULL, reason))
            fail_msg("%s: was accepted", ROWS[i].name);
        if (strstr(reason, ROWS[i].reason) == NULL)
            fail_msg("%s: refused because: %s", ROWS[i].name, reason);
    }
}

static void a_good_statement_is_accepted(void **state)
{
    static const struct {
        const char *name, *platform, *sql;
    } ROWS[] = {
        { "a count", "linux", "SELECT COUNT(*) AS hits FROM file WHERE path = '/run/reboot-required'" },
        { "a pattern", "linux", "SELECT COUNT(*) AS hits FROM file WHERE path LIKE '/home/%/Downloads/a.txt'" },
        { "a list of paths", "linux", "SELECT COUNT(*) AS hits FROM file WHERE path IN ('/a', '/b')" },
        { "a final semicolon", "macos", "SELECT global_state FROM alf;\n" },
        { "a column of this platform", "macos", "SELECT filevault_status FROM disk_encryption" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        char reason[REASON_MAX] = "";
        if (!statement_stands(world_of(*state, ROWS[i].platform), ROWS[i].sql, NULL, reason))
            fail_msg("%s: refused because: %s", ROWS[i].name, reason);
    }
}

static void an_expression_names_columns_of_its_statement(void **state)
{
    static const struct {
        const char *name, *expression;
        bool stands;
    } ROWS[] = {
        { "its columns", "any(name == \"Debian GNU/Linux\" and major >= 12)", true },
        { "a version", "any(major >= version(\"12.1\"))", true },
        { "a list", "not any(name in (\"a\", \"b\")) or rows == 0", true },
        { "a duration", "any(major >= 3d)", true },
        { "another column", "any(minor >= 12)", false },
        { "a column called version that is not there", "any(version >= version(\"12\"))", false },
        { "a capital", "any(Name == \"x\")", false },
        { "a text without an end", "any(name == \"Debian)", false },
    };
    char reason[REASON_MAX] = "";
    sqlite3_stmt *statement = NULL;
    assert_true(statement_stands(world_of(*state, "linux"), "SELECT name, major FROM os_version", &statement, reason));
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
        if (expression_stands(statement, ROWS[i].expression, reason) != ROWS[i].stands)
            fail_msg("%s: %s", ROWS[i].name, reason);
    assert_true(template_stands(statement, "{name} {major}, {rows} rows", reason));
    assert_false(template_stands(statement, "{minor}", reason));
    assert_false(template_stands(statement, "{name", reason));
    sqlite3_finalize(statement);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return -1;
    json_error_t error;
    fixture->schema = json_load_file(OSQUERY_SCHEMA, JSON_REJECT_DUPLICATES, &error);
    if (fixture->schema == NULL) {
        print_error("%s: line %d: %s\n", OSQUERY_SCHEMA, error.line, error.text);
        free(fixture);
        return -1;
    }
    for (size_t i = 0; i < PLATFORM_COUNT; i++)
        world_init(&fixture->worlds[i], fixture->schema, PLATFORMS[i]);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < PLATFORM_COUNT; i++) {
        sqlite3_set_authorizer(fixture->worlds[i].database, NULL, NULL);
        sqlite3_close(fixture->worlds[i].database);
    }
    json_decref(fixture->schema);
    free(fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_reads_real_columns_of_its_platform),
        cmocka_unit_test(a_broken_statement_is_refused),
        cmocka_unit_test(a_good_statement_is_accepted),
        cmocka_unit_test(an_expression_names_columns_of_its_statement),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
