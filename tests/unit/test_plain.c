/* SPDX-License-Identifier: MIT */
/* What is read without libxml2 must be what libxml2 reads: over the files that are shipped, and
 * over pieces of them with damage of all sorts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "sdtmill/err.h"
#include "sdtmill/mem.h"

#include "spec/ct_priv.h"
#include "spec/model_priv.h"
#include "spec/xplain_priv.h"

#define TERMINOLOGY "mappings/terminology/sdtm-ct.xml"
#define STANDARD    "mappings/standards/sdtmig-3.4.xml"

enum { DAMAGES = 6000 };

static struct sm_arena arena;
static struct sm_err err;
static char path[64];

static int setup(void **state) {
    (void)state;
    sm_arena_init(&arena);
    sm_err_reset(&err);
    snprintf(path, sizeof path, "/tmp/sdtmill-test-plain-%ld", (long)getpid());
    return 0;
}

static int teardown(void **state) {
    (void)state;
    sm_arena_free(&arena);
    unlink(path);
    return 0;
}

static struct sm_str file_text(const char *name) {
    FILE *f = fopen(name, "rb");
    assert_non_null(f);
    const size_t room = 4 * 1024 * 1024;
    char *p = sm_arena_alloc(&arena, room);
    assert_non_null(p);
    size_t n = fread(p, 1, room, f);
    assert_int_equal(fclose(f), 0);
    assert_true(n > 0 && n < room);
    return sm_str_n(p, n);
}

/* The first n bytes of a text up to the last `end` within them, closed by `close`. */
static struct sm_str excerpt(struct sm_str text, size_t n, const char *end, const char *close) {
    size_t len = strlen(end);
    while (n > len && memcmp(text.p + n - len, end, len) != 0)
        n--;
    assert_true(n > len);
    char *p = sm_arena_alloc(&arena, n + strlen(close) + 1);
    assert_non_null(p);
    memcpy(p, text.p, n);
    memcpy(p + n, close, strlen(close));
    return sm_str_n(p, n + strlen(close));
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* A copy with one to three bytes changed, left out or put in; room for one byte stays behind it. */
static struct sm_str damage(struct sm_str text, uint32_t *seed) {
    static const char bytes[] = "<>&\"'/= \n\t\r]-!?;:x#\x01\x7F\xC3\xA4\xEF\0";
    static const char *const words[] = {"&amp;", "&lt;", "&#65;",    "]]>",    "<!--x-->",
                                        "<?x?>", "<x/>", "&nope;",   " a=''",  "<![CDATA[",
                                        "--",    "name", "xmlns=''", "</term>"};
    char *p = sm_arena_alloc(&arena, text.n + 64);
    assert_non_null(p);
    memcpy(p, text.p, text.n);
    size_t n = text.n;
    for (uint32_t k = next_random(seed) % 3 + 1; k > 0; k--) {
        size_t at = next_random(seed) % n;
        uint32_t how = next_random(seed) % 4;
        const char *word = words[next_random(seed) % SM_ARRAY_LEN(words)];
        if (how == 0) {
            p[at] = bytes[next_random(seed) % (sizeof bytes - 1)];
        } else if (how == 1) {
            memmove(p + at, p + at + 1, --n - at);
        } else {
            size_t len = how == 2 ? 1 : strlen(word);
            memmove(p + at + len, p + at, n - at);
            memcpy(p + at, how == 2 ? &p[at + 1] : word, len);
            n += len;
        }
    }
    return sm_str_n(p, n);
}

/* ---- terminology -------------------------------------------------------------------------------
 */

static void same_text(struct sm_str a, struct sm_str b) {
    assert_int_equal(a.p == NULL, b.p == NULL);
    if (!sm_str_eq(a, b)) fail_msg("'%.*s' and '%.*s'", SM_STR_FMT(a), SM_STR_FMT(b));
}

static void same_lists(struct sm_ct *a, struct sm_ct *b) {
    assert_int_equal(a->nlist, b->nlist);
    for (size_t i = 0; i < a->nlist; i++) {
        struct ct_list *x = a->list[i], *y = b->list[i];
        same_text(x->list.name, y->list.name);
        same_text(x->list.code, y->list.code);
        same_text(x->list.label, y->list.label);
        same_text(x->extends, y->extends);
        assert_int_equal(x->list.extensible, y->list.extensible);
        assert_int_equal(x->list.from_package, y->list.from_package);
        assert_int_equal(x->list.nterm, y->list.nterm);
        assert_true(ct_plain_terms(a, x));
        for (uint32_t k = 0; k < x->list.nterm; k++) {
            const struct sm_term *s = &x->list.term[k], *t = &y->list.term[k];
            same_text(s->value, t->value);
            same_text(s->code, t->code);
            same_text(s->decode, t->decode);
            assert_int_equal(s->nsynonym, t->nsynonym);
            for (uint32_t m = 0; m < s->nsynonym; m++)
                same_text(s->synonym[m], t->synonym[m]);
        }
    }
}

/* True if the text is plain; libxml2 must then agree. */
static bool terminology_agrees(struct sm_str text) {
    struct sm_ct *fast, *judge;
    bool plain;
    assert_int_equal(sm_ct_open(&fast, &arena, &err), SM_OK);
    assert_int_equal(ct_load_plain(fast, text, &plain, &err), SM_OK);
    if (plain) {
        assert_int_equal(sm_ct_open(&judge, &arena, &err), SM_OK);
        if (ct_load_xml(judge, "file", text, &err) != SM_OK)
            fail_msg("%s:\n%.*s", err.text, SM_STR_FMT(text));
        same_lists(fast, judge);
        sm_ct_close(judge);
    } else {
        assert_int_equal(fast->nlist, 0);
    }
    sm_ct_close(fast);
    return plain;
}

static void shipped_terminology_is_plain_and_read_alike(void **state) {
    (void)state;
    assert_true(terminology_agrees(file_text(TERMINOLOGY)));
}

static void damaged_terminology_is_read_alike_or_left_to_libxml2(void **state) {
    (void)state;
    struct sm_str whole = file_text(TERMINOLOGY),
                  text = excerpt(whole, 3000, "</codelist>", "</part>");
    uint32_t seed = 1, taken = 0;
    assert_true(terminology_agrees(text));
    for (int i = 0; i < DAMAGES; i++)
        taken += terminology_agrees(damage(text, &seed));
    assert_true(taken > DAMAGES / 20 && taken < DAMAGES / 2);
}

static void references_and_blanks_are_understood(void **state) {
    (void)state;
    struct sm_str text =
        SM_STR("<part xmlns = 'urn:sdtmill:mapping:1' ><!-- <x> & -->\n"
               "<codelist name=\"A&amp;B\" label='&quot;q&quot;' extends='C' extensible='YES'>"
               "<term value='&lt;1' decode='a > b &apos;'><synonym> x &gt;\n y </synonym>"
               "<synonym><!-- c -->s</synonym></term ><term\n value='v'\t></term></codelist>"
               "<codelist name='E'/><codelist name='F'></codelist></part>\n<!-- end -->\n");
    assert_true(terminology_agrees(text));
}

static void what_is_not_plain_is_left_to_libxml2(void **state) {
    (void)state;
#define LIST(term)                                                                                 \
    "<part xmlns='urn:sdtmill:mapping:1'><codelist name='A'>" term "</codelist></part>"
    static const char *const texts[] = {
        LIST("<term value='a\tb'/>"),
        LIST("<term value='a\rb'/>"),
        LIST("<term value='&#65;'/>"),
        LIST("<term value=''/>"),
        LIST("<term code='x'/>"),
        LIST("<term value='a' value='b'/>"),
        LIST("<term value='a'b='c'/>"),
        LIST("<term value='<'/>"),
        LIST("<term value='a'>x</term>"),
        LIST("<term value='a'><synonym/></term>"),
        LIST("<term value='a'><synonym>]]></synonym></term>"),
        LIST("<term value='a'><synonym>a<!-- -->b</synonym></term>"),
        LIST("<term value='a'><synonym><b>c</b></synonym></term>"),
        LIST("<term value='a'/><?x?>"),
        LIST("<![CDATA[x]]>"),
        LIST("<term xmlns='y' value='a'/>"),
        LIST("<!-- -- -->"),
        LIST("<x:term value='a'/>"),
        LIST("<codelist name='B'/>"),
        LIST("<1term value='a'/>"),
        LIST("<term value='\xEF\xBF\xBE'/>"),
        LIST("<term value='\xC3'/>"),
        LIST("") "<part/>",
        LIST("") "x",
        "<!DOCTYPE part>" LIST(""),
        "<?xml version='1.0' encoding='latin1'?>" LIST("<term value='a'/>"),
        "<part><codelist name='A'/></part>",
        "<part xmlns='urn:sdtmill:mapping:1'></part>",
        "<part xmlns='urn:sdtmill:mapping:1'><codelist name='A'></part>"};
    for (size_t i = 0; i < SM_ARRAY_LEN(texts); i++)
        if (terminology_agrees(sm_str(texts[i]))) fail_msg("taken: %s", texts[i]);
}

/* ---- the standard ------------------------------------------------------------------------------
 */

static void same_vars(const struct sm_model_ds *a, const struct sm_model_ds *b) {
    assert_int_equal(a->nvar, b->nvar);
    for (uint32_t i = 0; i < a->nvar; i++) {
        const struct sm_model_var *x = &a->var[i], *y = &b->var[i];
        same_text(x->name, y->name);
        same_text(x->label, y->label);
        same_text(x->role, y->role);
        same_text(x->core, y->core);
        same_text(x->codelist, y->codelist);
        same_text(x->values, y->values);
        assert_true(x->is_num == y->is_num && x->order == y->order);
        assert_int_equal(strlen(x->name.p), x->name.n);
    }
}

static void same_models(const struct sm_model *a, const struct sm_model *b) {
    same_text(a->name, b->name);
    same_text(a->version, b->version);
    assert_int_equal(a->nds, b->nds);
    for (uint32_t i = 0; i < a->nds; i++) {
        const struct sm_model_ds *x = &a->ds[i], *y = &b->ds[i];
        same_text(x->name, y->name);
        same_text(x->label, y->label);
        same_text(x->cls, y->cls);
        same_text(x->structure, y->structure);
        same_text(x->keys, y->keys);
        assert_true(x->repeating == y->repeating && x->reference == y->reference);
        same_vars(x, y);
    }
}

/* A carriage return behind the text changes nothing but that it is no longer plain. */
static const struct sm_model *judged(struct sm_str text) {
    const struct sm_model *m = NULL;
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fputc('\r', f), '\r');
    assert_int_equal(fclose(f), 0);
    if (sm_model_load(&m, path, &arena, &err) != SM_OK)
        fail_msg("%s:\n%.*s", err.text, SM_STR_FMT(text));
    return m;
}

static bool standard_agrees(struct sm_str text) {
    struct sm_model m = {.nds = 0};
    struct sm_str copy = sm_arena_dup(&arena, text);
    bool plain;
    assert_int_equal(model_load_plain(&m, (char *)(uintptr_t)copy.p, copy.n, &arena, &plain, &err),
                     SM_OK);
    if (plain) same_models(&m, judged(text));
    return plain;
}

static void shipped_standard_is_plain_and_read_alike(void **state) {
    (void)state;
    assert_true(standard_agrees(file_text(STANDARD)));
}

static void damaged_standard_is_read_alike_or_left_to_libxml2(void **state) {
    (void)state;
    struct sm_str whole = file_text(STANDARD);
    struct sm_str text = excerpt(whole, 12000, "</dataset>", "</standard>");
    assert_true(standard_agrees(text));
    uint32_t seed = 2, taken = 0;
    for (int i = 0; i < DAMAGES; i++)
        taken += standard_agrees(damage(text, &seed));
    assert_true(taken > DAMAGES / 20 && taken < DAMAGES / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shipped_terminology_is_plain_and_read_alike, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(damaged_terminology_is_read_alike_or_left_to_libxml2, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(references_and_blanks_are_understood, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_plain_is_left_to_libxml2, setup, teardown),
        cmocka_unit_test_setup_teardown(shipped_standard_is_plain_and_read_alike, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_standard_is_read_alike_or_left_to_libxml2, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
