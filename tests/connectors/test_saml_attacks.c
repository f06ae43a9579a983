/* What attackers do to requests in the HTTP-POST binding: to the XML, to its signature, and to what the signature is about. One row a trick; the
 * wrappings are made by a loop over all places. Sources: "On Breaking SAML" (Somorovsky and others, 2012) for XSW, OWASP's SAML cheat sheet. */
#include "tests/support/saml_kit_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define DSIG "http://www.w3.org/2000/09/xmldsig#"
#define MORE "http://www.w3.org/2001/04/xmldsig-more#"
#define ENC "http://www.w3.org/2001/04/xmlenc#"
#define EXC "http://www.w3.org/2001/10/xml-exc-c14n#"

static struct saml_key *sp, *attacker, *ec;
static char *original, *original_unsigned, *signature;

static int set_up(void **state)
{
    (void)state;
    sp = saml_key_new("RSA", 2048);
    attacker = saml_key_new("RSA", 2048);
    ec = saml_key_new("P-256", 0);
    original_unsigned = saml_kit_replace(KIT_REQUEST, "{signature}", "");
    original = saml_kit_sign(sp, KIT_REQUEST, "_r1");
    signature = saml_kit_signature(sp, original_unsigned, "_r1");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    saml_key_free(sp);
    saml_key_free(attacker);
    saml_key_free(ec);
    free(original);
    free(original_unsigned);
    free(signature);
    return 0;
}

struct seen { enum err_code code; bool is_signed; char subject[64], app[64], id[64]; struct err err; };

static void keep(char *out, size_t room, struct span s) { snprintf(out, room, "%.*s", SPAN_ARGS(s)); }

static struct seen look(const char *xml, bool signed_only, bool sha1)
{
    const struct span certificates[] = { saml_key_pem(ec), saml_key_pem(sp) };
    struct saml_request_rules rules = { { certificates, COUNT(certificates), sha1 }, signed_only, SPAN_LITERAL(KIT_SSO), KIT_NOW_S };
    struct saml_request q = { 0 };
    struct seen seen = { 0 };
    struct arena arena;
    arena_init(&arena, 16 * 1024, 4 * 1024 * 1024);
    seen.code = kit_read_post(xml, &rules, &arena, &q, &seen.err);
    if (seen.code == OK) {
        seen.is_signed = q.is_signed;
        keep(seen.subject, sizeof seen.subject, q.subject);
        keep(seen.app, sizeof seen.app, q.app_instance);
        keep(seen.id, sizeof seen.id, q.id);
    }
    arena_done(&arena);
    return seen;
}

static void refused(const char *name, const char *xml, enum err_code code, const char *words)
{
    struct seen seen = look(xml, false, false), strict = look(xml, true, false);
    if (seen.code != code || strict.code == OK || strstr(seen.err.text, words) == NULL)
        fail_msg("%s: %d %s", name, seen.code, seen.err.text);
}

static void the_untouched_request_is_taken(void **state)
{
    struct seen seen = look(original, true, false);
    (void)state;
    if (seen.code != OK || !seen.is_signed || strcmp(seen.subject, "ana@corp.example") != 0)
        fail_msg("%s", seen.err.text);
    assert_true(saml_kit_judge(original, KIT_REQUEST_ELEMENT, sp));
}

/* ---- the XML ---- */

static void dangerous_xml_is_refused_before_a_tree_is_built(void **state)
{
    static const struct { const char *name, *find, *with, *words; } rows[] = {
        { "a DTD", "<samlp:AuthnRequest", "<!DOCTYPE x><samlp:AuthnRequest", "DTD" },
        { "an external DTD", "<samlp:AuthnRequest", "<!DOCTYPE x SYSTEM \"http://127.0.0.1:9/x.dtd\"><samlp:AuthnRequest", "DTD" },
        { "XXE", "<samlp:AuthnRequest", "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><samlp:AuthnRequest", "DTD" },
        { "a parameter entity", "<samlp:AuthnRequest", "<!DOCTYPE x [<!ENTITY % e SYSTEM \"http://127.0.0.1:9/\">%e;]><samlp:AuthnRequest", "DTD" },
        { "laughs", "<samlp:AuthnRequest", "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;\">]><samlp:AuthnRequest", "DTD" },
        { "default attributes", "<samlp:AuthnRequest", "<!DOCTYPE x [<!ATTLIST x ID ID \"_r1\">]><samlp:AuthnRequest", "DTD" },
        { "a DTD in lower case", "<samlp:AuthnRequest", "<!doctype x><samlp:AuthnRequest", "DTD" },
        { "a DTD inside", KIT_SUBJECT, "<!DOCTYPE x>" KIT_SUBJECT, "DTD" },
        { "an entity nobody declared", "ana@corp.example", "ana&nbsp;", "entity" },
        { "an entity in an attribute", "ID=\"_r1\"", "ID=\"&x;\"", "well-formed" },
        { "a bare ampersand", "ana@corp.example", "a&b", "entity" },
        { "a comment in a name", "ana@corp.example", "ana@corp.example<!-- -->.evil", "comment" },
        { "a comment elsewhere", KIT_SUBJECT, "<!-- x -->" KIT_SUBJECT, "comment" },
        { "a comment after the end", "</samlp:AuthnRequest>", "</samlp:AuthnRequest><!-- x -->", "comment" },
        { "CDATA", "ana@corp.example", "<![CDATA[ana@corp.example]]>", "CDATA" },
        { "a processing instruction", KIT_SUBJECT, "<?xml-stylesheet href=\"http://127.0.0.1:9/\"?>" KIT_SUBJECT, "processing instruction" },
        { "a processing instruction in a name", "ana@corp.example", "ana<?x?>@corp.example", "processing instruction" },
        { "a second declaration", KIT_SUBJECT, "<?xml version=\"1.0\"?>" KIT_SUBJECT, "processing instruction" },
        { "UTF-16 in the declaration", "<samlp:AuthnRequest", "<?xml version=\"1.0\" encoding=\"UTF-16\"?><samlp:AuthnRequest", "UTF-8" },
        { "UTF-7 in the declaration", "<samlp:AuthnRequest", "<?xml version='1.0' encoding='UTF-7'?><samlp:AuthnRequest", "UTF-8" },
        { "Latin 1 in the declaration", "<samlp:AuthnRequest", "<?xml version=\"1.0\" encoding = \"ISO-8859-1\"?><samlp:AuthnRequest", "UTF-8" },
        { "an encoding that is none", "<samlp:AuthnRequest", "<?xml version=\"1.0\" encoding?><samlp:AuthnRequest", "UTF-8" },
        { "XML 1.1", "<samlp:AuthnRequest", "<?xml version=\"1.1\"?><samlp:AuthnRequest", "1.0" },
        { "a declaration without end", "<samlp:AuthnRequest", "<?xml version=\"1.0\"", "1.0" },
        { "not UTF-8", "ana@corp.example", "ana\xff", "UTF-8" },
        { "overlong UTF-8", "ana@corp.example", "ana\xc0\xbc", "UTF-8" },
        { "a control character", "ana@corp.example", "ana\x01", "well-formed" },
        { "a reference to one", "ana@corp.example", "ana&#1;", "well-formed" },
        { "a reference to NUL", "ana@corp.example", "ana&#0;", "well-formed" },
        { "a prefix nobody declared", KIT_SUBJECT, "<nobody:x></nobody:x>" KIT_SUBJECT, "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *xml = saml_kit_replace(original, rows[i].find, rows[i].with);
        refused(rows[i].name, xml, ERR_INPUT, rows[i].words);
        free(xml);
    }
}

static void nothing_is_included(void **state)
{
    (void)state;
    char *xml = saml_kit_replace(original_unsigned, "ana@corp.example", "<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"file:///etc/passwd\" parse=\"text\"/>");
    refused("XInclude", xml, ERR_INPUT, "holds elements");
    free(xml);
}

static void other_encodings_are_refused(void **state)
{
    struct saml_request_raw *raw = NULL;
    struct arena arena;
    struct err err;
    (void)state;
    arena_init(&arena, 4096, 1024 * 1024);
    for (int big = 0; big < 2; big++) { /* UTF-16 with its mark, either end first */
        char text[4096];
        size_t n = 0;
        text[n++] = big ? '\xfe' : '\xff';
        text[n++] = big ? '\xff' : '\xfe';
        for (const char *c = original_unsigned; *c != '\0' && n + 2 < sizeof text; c++) {
            text[n++] = big ? '\0' : *c;
            text[n++] = big ? *c : '\0';
        }
        char *value = saml_kit_base64(span_make(text, n));
        assert_int_equal(saml_request_post(span_of(value), &arena, &raw, &err), ERR_INPUT);
        assert_non_null(strstr(err.text, "UTF-8"));
        free(value);
    }
    char *value = saml_kit_base64(SPAN_LITERAL("<a\0/>"));
    assert_int_equal(saml_request_post(span_of(value), &arena, &raw, &err), ERR_INPUT);
    free(value);
    arena_done(&arena);
}

/* ---- signature wrapping ---- */

enum place { NOWHERE, AFTER_ISSUER, BEFORE_ISSUER, IN_EXTENSIONS, IN_SUBJECT, AT_END, IN_OBJECT, IN_KEY_INFO, PLACES };
static const char *const place_names[] = { "nowhere", "after the Issuer", "before the Issuer", "in Extensions", "in the Subject", "at the end", "in an Object of the signature", "in KeyInfo of the signature" };

static const char *const ids[] = { " ID=\"_evil\"", " ID=\"_r1\"", "", " ID=\"_evil\" xmlns:x=\"urn:x\" x:ID=\"_r1\"" };

static void put(struct buf *b, const char *text, enum place wanted, enum place here)
{
    if (wanted == here)
        buf_append_text(b, text);
}

/* The signature, with what is hidden in it. */
static void put_signature(struct buf *b, const char *hidden, enum place at)
{
    const char *key_info = strstr(signature, "<ds:X509Data>"), *end = strstr(signature, "</ds:Signature>");
    const char *from = at == IN_KEY_INFO ? key_info : end;
    buf_append(b, span_make(signature, (size_t)(from - signature)));
    if (at == IN_OBJECT)
        buf_append_text(b, "<ds:Object>");
    if (at == IN_OBJECT || at == IN_KEY_INFO)
        buf_append_text(b, hidden);
    if (at == IN_OBJECT)
        buf_append_text(b, "</ds:Object>");
    buf_append_text(b, from);
}

/* A message of the attacker's, with the signature and the original somewhere in it. */
static char *wrap(const char *id, enum place signature_at, const char *hidden, enum place hidden_at)
{
    struct buf b, s;
    char *open = saml_kit_replace(KIT_OPEN, " ID=\"_r1\"", id);
    buf_init(&b, 64 * 1024);
    buf_init(&s, 64 * 1024);
    put_signature(&s, hidden, hidden_at);
    buf_append_text(&b, open);
    for (enum place here = BEFORE_ISSUER; here != NOWHERE; here = here == BEFORE_ISSUER ? AFTER_ISSUER : here == AFTER_ISSUER ? IN_EXTENSIONS : here == IN_EXTENSIONS ? IN_SUBJECT : here == IN_SUBJECT ? AT_END : NOWHERE) {
        buf_append_text(&b, here == AFTER_ISSUER ? KIT_ISSUER : here == IN_EXTENSIONS ? "<samlp:Extensions>" : here == IN_SUBJECT ? "<saml:Subject xmlns:saml=\"" KIT_A "\"><saml:NameID>eve@corp.example</saml:NameID>" : "");
        put(&b, buf_text(&s), signature_at, here);
        put(&b, hidden, hidden_at, here);
        buf_append_text(&b, here == IN_EXTENSIONS ? "</samlp:Extensions>" : here == IN_SUBJECT ? "</saml:Subject>" : "");
    }
    buf_append_text(&b, KIT_CLOSE);
    char *xml = strdup(buf_text(&b));
    buf_done(&b);
    buf_done(&s);
    free(open);
    return xml;
}

static void no_wrapping_makes_the_attackers_message_signed(void **state)
{
    const char *const hidden[] = { original, original_unsigned };
    size_t made = 0;
    (void)state;
    for (size_t id = 0; id < COUNT(ids); id++)
        for (enum place s = NOWHERE; s <= AT_END; s++)
            for (enum place o = NOWHERE; o < PLACES; o++)
                for (size_t h = 0; h < COUNT(hidden); h++) {
                    char *xml = wrap(ids[id], s, hidden[h], o);
                    struct seen open = look(xml, false, false), strict = look(xml, true, false);
                    if (strict.code == OK || open.is_signed)
                        fail_msg("%s, signature %s, original (%s) %s: taken as signed\n%s", ids[id], place_names[s], h == 0 ? "signed" : "bare", place_names[o], xml);
                    if (open.code == OK && s == AFTER_ISSUER)
                        fail_msg("%s, original %s: a signature that covers nothing was passed over", ids[id], place_names[o]);
                    made++;
                    free(xml);
                }
    print_message("%zu wrappings\n", made);
}

/* The original as the outermost, with the attacker's words in every gap between its elements. */
static void nothing_can_be_added_under_a_signature(void **state)
{
    static const char *const added[] = { KIT_SUBJECT, KIT_EXTENSIONS, "<x xmlns=\"urn:x\"></x>", KIT_REQUEST, "text", "\n" };
    (void)state;
    for (size_t a = 0; a < COUNT(added); a++) {
        for (const char *gap = strchr(original, '>'); gap != NULL; gap = strchr(gap + 1, '>')) {
            const char *signature_from = strstr(original, "<ds:Signature "), *signature_to = strstr(original, "</ds:Signature>");
            struct buf b;
            buf_init(&b, 64 * 1024);
            buf_append(&b, span_make(original, (size_t)(gap + 1 - original)));
            buf_append_text(&b, added[a]);
            buf_append_text(&b, gap + 1);
            struct seen seen = look(buf_text(&b), true, false);
            bool inside_signature = gap >= signature_from && gap < signature_to, blank = added[a][0] == '\n';
            /* White space inside the signature's values, and anything in its KeyInfo, changes nothing that is read; after the end neither. */
            if (seen.code == OK && !inside_signature && !(blank && gap[1] == '\0'))
                fail_msg("\"%s\" after byte %zu was taken", added[a], (size_t)(gap - original));
            if (seen.code == OK && (strcmp(seen.subject, "ana@corp.example") != 0 || strcmp(seen.app, "0oaPayroll") != 0 || strcmp(seen.id, "_r1") != 0))
                fail_msg("\"%s\" after byte %zu changed what was read", added[a], (size_t)(gap - original));
            buf_done(&b);
        }
    }
}

/* Each byte in turn: refused, or what is read is what was signed. */
static void no_changed_byte_changes_what_is_read(void **state)
{
    char *xml = strdup(original);
    size_t taken = 0;
    (void)state;
    for (size_t i = 0; xml[i] != '\0'; i++) {
        char keep_byte = xml[i];
        xml[i] = keep_byte == 'A' ? 'B' : 'A';
        struct seen seen = look(xml, true, false);
        taken += seen.code == OK;
        if (seen.code == OK && (strcmp(seen.subject, "ana@corp.example") != 0 || strcmp(seen.app, "0oaPayroll") != 0 || strcmp(seen.id, "_r1") != 0))
            fail_msg("byte %zu", i);
        xml[i] = keep_byte;
    }
    print_message("%zu of %zu changes are of no consequence (KeyInfo)\n", taken, strlen(xml));
    free(xml);
}

/* ---- the signature ---- */

#define TRANSFORM(uri) "<ds:Transform Algorithm=\"" uri "\"></ds:Transform>"
#define ENVELOPED TRANSFORM(DSIG "enveloped-signature")
#define EXCLUSIVE TRANSFORM(EXC)
struct form { const char *c14n, *method, *reference, *transforms, *digest, *more; };
static const struct form good_form = { EXC, MORE "rsa-sha256", "#_r1", ENVELOPED EXCLUSIVE, ENC "sha256", "" };

static const char *or_else(const char *a, const char *b) { return a != NULL ? a : b; }

/* What another library would sign; the digests are filled in by xmlsec1. */
static char *template_of(const struct form *f)
{
    struct buf b;
    buf_init(&b, 64 * 1024);
    buf_format(&b, "<ds:Signature xmlns:ds=\"" DSIG "\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"%s\"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm=\"%s\"></ds:SignatureMethod>"
                   "<ds:Reference URI=\"%s\">%s%s%s<ds:DigestMethod Algorithm=\"%s\"></ds:DigestMethod><ds:DigestValue></ds:DigestValue></ds:Reference>%s</ds:SignedInfo><ds:SignatureValue></ds:SignatureValue></ds:Signature>",
               or_else(f->c14n, good_form.c14n), or_else(f->method, good_form.method), or_else(f->reference, good_form.reference), f->transforms != NULL && f->transforms[0] == '\0' ? "" : "<ds:Transforms>",
               or_else(f->transforms, good_form.transforms), f->transforms != NULL && f->transforms[0] == '\0' ? "" : "</ds:Transforms>", or_else(f->digest, good_form.digest), or_else(f->more, ""));
    char *xml = saml_kit_replace(KIT_REQUEST, "{signature}", buf_text(&b));
    buf_done(&b);
    return xml;
}

/* All of these are good signatures by the SP's own key, in xmlsec1's eyes: only the list decides. */
static void only_the_listed_algorithms_and_one_shape_are_taken(void **state)
{
    static const struct { const char *name; struct form form; bool ec, sha1; enum err_code code; const char *words; } rows[] = {
        { "as it should be", { 0 }, false, false, OK, "" },
        { "RSA-SHA384, SHA-384", { .method = MORE "rsa-sha384", .digest = MORE "sha384" }, false, false, OK, "" },
        { "RSA-SHA512, SHA-512", { .method = MORE "rsa-sha512", .digest = ENC "sha512" }, false, false, OK, "" },
        { "ECDSA-SHA256", { .method = MORE "ecdsa-sha256" }, true, false, OK, "" },
        { "prefixes that are covered too", { .transforms = ENVELOPED "<ds:Transform Algorithm=\"" EXC "\"><ec:InclusiveNamespaces xmlns:ec=\"" EXC "\" PrefixList=\"samlp xs\"></ec:InclusiveNamespaces></ds:Transform>" }, false, false, OK, "" },
        { "RSA-SHA1", { .method = DSIG "rsa-sha1" }, false, false, ERR_INPUT, "algorithm" },
        { "a SHA-1 digest", { .digest = DSIG "sha1" }, false, false, ERR_INPUT, "digest" },
        { "SHA-1 where it is allowed", { .method = DSIG "rsa-sha1", .digest = DSIG "sha1" }, false, true, OK, "" },
        { "ECDSA-SHA512", { .method = MORE "ecdsa-sha512" }, true, false, ERR_INPUT, "algorithm" },
        { "inclusive canonicalization", { .c14n = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315" }, false, false, ERR_INPUT, "canonicalization" },
        { "with comments", { .c14n = EXC "WithComments" }, false, false, ERR_INPUT, "canonicalization" },
        { "a transform with comments", { .transforms = ENVELOPED TRANSFORM(EXC "WithComments") }, false, false, ERR_INPUT, "canonicalization" },
        { "an inclusive transform", { .transforms = ENVELOPED TRANSFORM("http://www.w3.org/TR/2001/REC-xml-c14n-20010315") }, false, false, ERR_INPUT, "canonicalization" },
        { "enveloped alone", { .transforms = ENVELOPED }, false, false, ERR_INPUT, "transforms" },
        { "three transforms", { .transforms = ENVELOPED EXCLUSIVE EXCLUSIVE }, false, false, ERR_INPUT, "Transform" },
        { "XPath", { .transforms = ENVELOPED "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ds:XPath>not(ancestor-or-self::*[local-name()='Subject'])</ds:XPath></ds:Transform>" }, false, false, ERR_INPUT, "canonicalization" },
        { "the whole document", { .reference = "" }, false, false, ERR_INPUT, "does not cover" },
        { "xpointer", { .reference = "#xpointer(/)" }, false, false, ERR_INPUT, "does not cover" },
        { "xpointer by id", { .reference = "#xpointer(id('_r1'))" }, false, false, ERR_INPUT, "does not cover" },
        { "two references", { .more = "<ds:Reference URI=\"#_r1\"><ds:Transforms>" ENVELOPED EXCLUSIVE "</ds:Transforms><ds:DigestMethod Algorithm=\"" ENC "sha256\"></ds:DigestMethod><ds:DigestValue></ds:DigestValue></ds:Reference>" }, false, false, ERR_INPUT, "Reference" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("%s\n", rows[i].name);
        char *template = template_of(&rows[i].form), *xml = saml_kit_stranger_signs(template, KIT_REQUEST_ELEMENT, rows[i].ec ? ec : sp);
        struct seen seen = look(xml, true, rows[i].sha1);
        if (seen.code != rows[i].code || strstr(seen.err.text, rows[i].words) == NULL || (seen.code == OK && !seen.is_signed))
            fail_msg("%s: %d %s", rows[i].name, seen.code, seen.err.text);
        free(xml);
        free(template);
    }
}

static void broken_signatures_are_refused(void **state)
{
    static const struct { const char *name, *find, *with, *words; enum err_code code; } rows[] = {
        { "stripped down to nothing", "<ds:SignedInfo>", "<ds:SignedInfo xmlns:ds=\"urn:x\">", "", ERR_INPUT },
        { "an HMAC", MORE "rsa-sha256", MORE "hmac-sha256", "algorithm", ERR_INPUT },
        { "an HMAC of one bit", "<ds:SignatureMethod Algorithm=\"" MORE "rsa-sha256\">", "<ds:SignatureMethod Algorithm=\"" DSIG "hmac-sha1\"><ds:HMACOutputLength>1</ds:HMACOutputLength>", "algorithm", ERR_INPUT },
        { "parameters of the algorithm", "<ds:SignatureMethod Algorithm=\"" MORE "rsa-sha256\">", "<ds:SignatureMethod Algorithm=\"" MORE "rsa-sha256\"><x></x>", "algorithm", ERR_INPUT },
        { "no algorithm", " Algorithm=\"" MORE "rsa-sha256\"", "", "algorithm", ERR_INPUT },
        { "no SignedInfo", "ds:SignedInfo", "ds:Unsigned", "", ERR_INPUT },
        { "no SignatureValue", "<ds:SignatureValue>", "<ds:SignatureWorth>", "", ERR_INPUT },
        { "an empty SignatureValue", "<ds:SignatureValue>", "<ds:SignatureValue></ds:SignatureValue><ds:KeyInfo></ds:KeyInfo><ds:Rest>", "", ERR_INPUT },
        { "two signature values", "<ds:KeyInfo>", "<ds:SignatureValue>AAAA</ds:SignatureValue><ds:KeyInfo>", "SignatureValue", ERR_INPUT },
        { "two KeyInfo", "</ds:Signature>", "<ds:KeyInfo></ds:KeyInfo></ds:Signature>", "KeyInfo", ERR_INPUT },
        { "an Object", "</ds:Signature>", "<ds:Object></ds:Object></ds:Signature>", "Object", ERR_INPUT },
        { "a Manifest", "</ds:Signature>", "<ds:Object><ds:Manifest></ds:Manifest></ds:Object></ds:Signature>", "Object", ERR_INPUT },
        { "another ID", "URI=\"#_r1\"", "URI=\"#_r2\"", "does not cover", ERR_INPUT },
        { "no ID", "URI=\"#_r1\"", "URI=\"#\"", "does not cover", ERR_INPUT },
        { "no URI", " URI=\"#_r1\"", "", "does not cover", ERR_INPUT },
        { "an address", "URI=\"#_r1\"", "URI=\"http://127.0.0.1:9/#_r1\"", "does not cover", ERR_INPUT },
        { "a type", "URI=\"#_r1\"", "URI=\"#_r1\" Type=\"http://www.w3.org/2000/09/xmldsig#Object\"", "Type", ERR_INPUT },
        { "an ID that is the message's", "<ds:Signature ", "<ds:Signature Id=\"_r1\" ", "two equal IDs", ERR_INPUT },
        { "another digest", "</ds:DigestValue>", "AAAA</ds:DigestValue>", "certificate of this door", ERR_DENIED },
        { "two digests", "</ds:DigestValue>", "</ds:DigestValue><ds:DigestValue>x</ds:DigestValue>", "DigestValue", ERR_INPUT },
        { "no digest method", "<ds:DigestMethod Algorithm=\"" ENC "sha256\"></ds:DigestMethod>", "", "digest", ERR_INPUT },
        { "transforms in the other order", ENVELOPED EXCLUSIVE, EXCLUSIVE ENVELOPED, "transforms", ERR_INPUT },
        { "no transforms", "<ds:Transforms>" ENVELOPED EXCLUSIVE "</ds:Transforms>", "", "enveloped", ERR_INPUT },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *xml = saml_kit_replace(original, rows[i].find, rows[i].with);
        refused(rows[i].name, xml, rows[i].code, rows[i].words);
        free(xml);
    }
}

static void a_signature_counts_in_one_place_and_once(void **state)
{
    static const struct { const char *name, *before; enum err_code code; } rows[] = {
        { "twice", KIT_EXTENSIONS, ERR_INPUT }, { "before the Issuer", KIT_ISSUER, ERR_INPUT }, { "at the end", KIT_CLOSE, ERR_INPUT }, { "in Extensions, too", "<OktaAppInstanceId>", ERR_INPUT } };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char with[8192];
        snprintf(with, sizeof with, "%s%s", signature, rows[i].before);
        char *xml = saml_kit_replace(original, rows[i].before, with);
        struct seen seen = look(xml, true, false);
        if (seen.code == OK)
            fail_msg("%s", rows[i].name);
        free(xml);
    }
}

/* The message brings the key that it was signed with. */
static void keys_in_the_message_are_not_believed(void **state)
{
    char *foreign = saml_kit_sign(attacker, KIT_REQUEST, "_r1"); /* KeyInfo: the attacker's certificate */
    (void)state;
    assert_true(saml_kit_judge(foreign, KIT_REQUEST_ELEMENT, attacker));
    refused("a foreign key that is in KeyInfo", foreign, ERR_DENIED, "certificate of this door");
    /* The SP's certificate in KeyInfo, the attacker's signature; and the other way round, which is the SP's signature still. */
    char *ours = saml_kit_base64(saml_key_der(sp)), *theirs = saml_kit_base64(saml_key_der(attacker));
    char *dressed = saml_kit_replace(foreign, theirs, ours), *undressed = saml_kit_replace(original, ours, theirs);
    refused("a foreign key that claims to be the SP's", dressed, ERR_DENIED, "certificate of this door");
    assert_true(look(undressed, true, false).is_signed);
    /* No KeyInfo at all; KeyInfo that points elsewhere. */
    const char *from = strstr(original, "<ds:KeyInfo>"), *to = strstr(original, "</ds:KeyInfo>") + strlen("</ds:KeyInfo>");
    char cut[8192], retrieval[8192];
    snprintf(cut, sizeof cut, "%.*s%s", (int)(from - original), original, to);
    snprintf(retrieval, sizeof retrieval, "%.*s<ds:KeyInfo><ds:RetrievalMethod URI=\"http://127.0.0.1:9/key\"></ds:RetrievalMethod></ds:KeyInfo>%s", (int)(from - original), original, to);
    assert_true(look(cut, true, false).is_signed);
    assert_true(look(retrieval, true, false).is_signed);
    free(dressed);
    free(undressed);
    free(ours);
    free(theirs);
    free(foreign);
}

static void a_url_is_not_signed_inside(void **state)
{
    struct saml_request_raw *raw = NULL;
    struct saml_request q;
    struct arena arena;
    struct err err;
    const struct span certificate = saml_key_pem(sp);
    struct saml_request_rules rules = { { &certificate, 1, false }, true, SPAN_LITERAL(KIT_SSO), KIT_NOW_S };
    (void)state;
    arena_init(&arena, 16 * 1024, 4 * 1024 * 1024);
    char *query = saml_kit_query(original, NULL), *both = saml_kit_signed_query(query, sp, MORE "rsa-sha256", "SHA256", false);
    enum err_code code = saml_request_redirect(span_of(query), &arena, &raw, &err);
    assert_int_equal(kit_read(code, raw, &rules, &q, &err), ERR_INPUT);
    code = saml_request_redirect(span_of(both), &arena, &raw, &err);
    assert_int_equal(kit_read(code, raw, &rules, &q, &err), ERR_INPUT);
    free(both);
    free(query);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_untouched_request_is_taken),
        cmocka_unit_test(dangerous_xml_is_refused_before_a_tree_is_built),
        cmocka_unit_test(nothing_is_included),
        cmocka_unit_test(other_encodings_are_refused),
        cmocka_unit_test(no_wrapping_makes_the_attackers_message_signed),
        cmocka_unit_test(nothing_can_be_added_under_a_signature),
        cmocka_unit_test(no_changed_byte_changes_what_is_read),
        cmocka_unit_test(only_the_listed_algorithms_and_one_shape_are_taken),
        cmocka_unit_test(broken_signatures_are_refused),
        cmocka_unit_test(a_signature_counts_in_one_place_and_once),
        cmocka_unit_test(keys_in_the_message_are_not_believed),
        cmocka_unit_test(a_url_is_not_signed_inside),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
