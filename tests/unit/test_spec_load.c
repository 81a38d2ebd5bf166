/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tmp.h"

#include "sdtmill/err.h"
#include "sdtmill/spec_load.h"

#define HEAD                                                                                       \
    "<study xmlns=\"urn:sdtmill:mapping:1\" xmlns:xi=\"http://www.w3.org/2001/XInclude\" "         \
    "oid=\"T\" name=\"T\" standard=\"SDTMIG 3.4\" raw=\"raw\">\n"
#define SOURCE                                                                                     \
    "<subject usubjid=\"concat('T-', SUBJ)\" subjid=\"SUBJ\"/><source name=\"s\"><column "         \
    "name=\"SUBJ\"/>"                                                                              \
    "<column name=\"A\"/><column name=\"B\"/><column name=\"DAY\" type=\"date\"/><file "           \
    "path=\"s.csv\"/></source>\n"
#define AE(rules) SOURCE "<domain name=\"AE\"><from source=\"s\">\n" rules "\n</from></domain>\n"

struct world {
    struct tmp tmp;
    struct sm_texts *texts;
    struct sm_diags diags;
    struct sm_spec *spec;
    struct sm_err err;
    uint32_t line, column; /* of the marker in the mapping */
};

static int setup(void **state) {
    struct world *w = test_calloc(1, sizeof *w);
    tmp_open(&w->tmp);
    assert_int_equal(sm_texts_open(&w->texts, &w->err), SM_OK);
    sm_diags_init(&w->diags);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    sm_spec_close(w->spec);
    sm_diags_free(&w->diags);
    sm_texts_close(w->texts);
    tmp_close(&w->tmp);
    test_free(w);
    return 0;
}

/* Loads the text as study.xml. A marker @@ is taken out; its place is where a finding is expected.
 */
static int load(struct world *w, const char *text) {
    static const char *const library[] = {"mappings"};
    struct sm_spec_paths paths = {library, 1};
    const char *mark = strstr(text, "@@");
    struct sm_buf b;
    sm_buf_init(&b, 0);
    w->line = w->column = 0;
    sm_buf_add(&b, text, mark ? (size_t)(mark - text) : strlen(text));
    if (mark) {
        w->line = w->column = 1;
        for (const char *p = text; p < mark; p++) {
            if (((unsigned char)*p & 0xC0) != 0x80) w->column++;
            if (*p == '\n') w->line++, w->column = 1;
        }
        sm_buf_add_c(&b, mark + 2);
    }
    sm_spec_close(w->spec);
    sm_diags_clear(&w->diags);
    sm_err_reset(&w->err);
    const char *path = tmp_write_n(&w->tmp, "t/study.xml", b.p, b.n);
    int rc = sm_spec_load(&w->spec, path, &paths, w->texts, &w->diags, &w->err);
    sm_buf_free(&b);
    return rc;
}

static void show(const struct sm_diags *d) {
    for (const struct sm_diag *x = d->first; x; x = x->next)
        print_error("%.*s:%u:%u: %u %.*s; %.*s\n", SM_STR_FMT(x->map_file), x->map_line,
                    x->map_column, x->code, SM_STR_FMT(x->detail), SM_STR_FMT(x->mend));
}

static const struct sm_diag *find(const struct sm_diags *d, unsigned code, const char *text) {
    for (const struct sm_diag *x = d->first; x; x = x->next) {
        bool there = sm_str_find(x->detail, sm_str(text), 0) != SIZE_MAX ||
                     sm_str_find(x->mend, sm_str(text), 0) != SIZE_MAX;
        if (x->code == code && there) return x;
    }
    show(d);
    fail_msg("no finding %u with '%s'", code, text);
    return NULL;
}

/* The mapping has this mistake, at the marker, and no other. */
static void mistake_in(struct world *w, unsigned code, const char *text, const char *mapping) {
    assert_int_equal(load(w, mapping), SM_ESPEC);
    const struct sm_diag *x = find(&w->diags, code, text);
    if (w->diags.n != 1 || x->map_line != w->line || x->map_column != w->column) show(&w->diags);
    assert_int_equal(w->diags.n, 1);
    assert_int_equal(x->map_line, w->line);
    assert_int_equal(x->map_column, w->column);
    assert_true(sm_str_ends(x->map_file, SM_STR("/study.xml")));
    assert_true(sm_str_eq(x->file, x->map_file));
}

#define MISTAKE(code, text, body) mistake_in(*state, code, text, HEAD body "</study>\n")

static const struct sm_spec *good(void **state, const char *mapping) {
    struct world *w = *state;
    int rc = load(w, mapping);
    if (rc != SM_OK) show(&w->diags);
    assert_int_equal(rc, SM_OK);
    return w->spec;
}

#define GOOD(body) good(state, HEAD body "</study>\n")

static uint32_t var(const struct sm_domain *d, const char *name) {
    for (uint32_t i = 0; i < d->nvar; i++)
        if (sm_str_eq_c(d->var[i].name, name)) return i;
    fail_msg("no variable %s", name);
    return SM_NO;
}

static const struct sm_rule *rule(const struct sm_rule *r, uint32_t n, uint32_t v) {
    for (uint32_t i = 0; i < n; i++)
        if (r[i].var == v) return &r[i];
    fail_msg("no rule for variable %u", v);
    return r;
}

/* ---- XML ---- */

static void broken_xml_is_one_finding_with_its_line(void **state) {
    struct world *w = *state;
    assert_int_equal(load(w, HEAD "<domain name=\"AE\">\n</study>\n"), SM_ESPEC);
    assert_int_equal(w->diags.n, 1);
    assert_int_equal(find(&w->diags, SM_D_MAPPING_INVALID, "not well-formed")->map_line, 3);
}

static void a_document_type_is_refused(void **state) {
    struct world *w = *state;
    assert_int_equal(
        load(w, "<!DOCTYPE study [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n<study>&x;</study>"),
        SM_ESPEC);
    find(&w->diags, SM_D_MAPPING_INVALID, "document type");
    assert_int_equal(w->diags.n, 1);
}

static void another_root_is_refused(void **state) {
    mistake_in(*state, SM_D_MAPPING_INVALID, "not <study>", "@@<study oid=\"T\"/>");
}

static void deep_nesting_is_refused(void **state) {
    struct world *w = *state;
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_add_c(&b, HEAD);
    for (int i = 0; i < 210; i++)
        sm_buf_add_c(&b, "<part>");
    for (int i = 0; i < 210; i++)
        sm_buf_add_c(&b, "</part>");
    sm_buf_add_c(&b, "</study>");
    assert_int_equal(load(w, b.p), SM_ESPEC);
    find(&w->diags, SM_D_MAPPING_INVALID, "nested deeper");
    sm_buf_free(&b);
}

static void a_study_that_is_not_there_is_a_finding(void **state) {
    struct world *w = *state;
    assert_int_equal(
        sm_spec_load(&w->spec, "/nowhere/study.xml", NULL, w->texts, &w->diags, &w->err), SM_ESPEC);
    find(&w->diags, SM_D_MAPPING_INVALID, "cannot be opened");
}

static void wrong_attributes_are_named_with_their_column_and_the_nearest(void **state) {
    MISTAKE(SM_D_MAPPING_INVALID, "did you mean from=?",
            AE("<assign var=\"AETERM\"\n  from=\"A\" form=\"@@A\"/>"));
    MISTAKE(SM_D_MAPPING_INVALID,
            "needs the attribute label=", AE("@@<supplement name=\"X\" from=\"A\"/>"));
    MISTAKE(SM_D_MAPPING_INVALID, "did you mean 'upper'?",
            AE("<assign var=\"AETERM\" from=\"A\" case=\"@@uper\"/>"));
    MISTAKE(SM_D_MAPPING_INVALID, "whole number",
            "<source name=\"s\"><file path=\"x\" skip=\"@@two\"/></source>\n");
}

static void wrong_elements_are_named_with_the_nearest(void **state) {
    MISTAKE(SM_D_MAPPING_INVALID, "did you mean <assign>?",
            AE("<assign var=\"AETERM\" from=\"A\"/>\n  @@<asign var=\"AECAT\" from=\"A\"/>"));
    MISTAKE(SM_D_MAPPING_INVALID, "follow a <when>",
            AE("<assign var=\"AETERM\" from=\"A\"/>\n@@<otherwise/>"));
}

static void comments_and_cdata_do_not_move_places(void **state) {
    MISTAKE(SM_D_UNKNOWN_NAME, "no column 'AX'",
            "<!-- <assign var=\"X\"> -->\n<?note <x> ?>\n<table name=\"t\" "
            "key=\"K\"><![CDATA[K,V\n<a>,1\n]]></table>\n" AE(
                "<assign var=\"AETERM\" from=\"@@AX\"/>"));
}

/* ---- inclusion ---- */

static void included_files_are_read_and_named_in_findings(void **state) {
    struct world *w = *state;
    tmp_write(&w->tmp, "t/parts/ae.xml",
              "<domain xmlns=\"urn:sdtmill:mapping:1\" name=\"AE\"><from source=\"s\">\n"
              " <assign var=\"AETERM\" from=\"NOPE\"/></from></domain>");
    assert_int_equal(
        load(w, HEAD SOURCE "<part><xi:include href=\"parts/ae.xml\"/></part></study>"), SM_ESPEC);
    const struct sm_diag *x = find(&w->diags, SM_D_UNKNOWN_NAME, "NOPE");
    assert_true(sm_str_ends(x->map_file, SM_STR("t/parts/ae.xml")));
    assert_int_equal(x->map_line, 2);
    assert_int_equal(x->map_column, 29);
    tmp_write(&w->tmp, "t/parts/ae.xml",
              "<domain xmlns=\"urn:sdtmill:mapping:1\" name=\"AE\"><from source=\"s\">\n"
              " <assign var=\"AETERM\" from=\"A\"/></from></domain>");
    const struct sm_spec *s = GOOD(SOURCE "<xi:include href=\"parts/ae.xml\"/>");
    assert_int_equal(s->ndomain, 1);
    assert_int_equal(s->ninput, 3); /* study, domain, standard */
}

static void inclusion_stays_inside_and_knows_circles(void **state) {
    struct world *w = *state;
    tmp_write(&w->tmp, "outside.xml", "<part xmlns=\"urn:sdtmill:mapping:1\"/>");
    MISTAKE(SM_D_MAPPING_INVALID, "outside", "<xi:include href=\"@@../outside.xml\"/>\n");
    MISTAKE(SM_D_MAPPING_INVALID, "outside", "<xi:include href=\"@@/etc/passwd\"/>\n");
    MISTAKE(SM_D_MAPPING_INVALID, "no file", "<xi:include href=\"@@http://localhost/x.xml\"/>\n");
    MISTAKE(SM_D_CIRCLE, "includes itself", "@@<xi:include href=\"study.xml\"/>\n");
    MISTAKE(SM_D_MAPPING_INVALID, "href= and nothing else",
            "<xi:include href=\"x.xml\" xpointer=\"@@y\"/>\n");
    if (symlink("../outside.xml", tmp_path(&w->tmp, "t/link.xml")) == 0)
        MISTAKE(SM_D_MAPPING_INVALID, "outside", "<xi:include href=\"@@link.xml\"/>\n");
}

/* ---- names ---- */

static void unknown_names_offer_the_nearest(void **state) {
    MISTAKE(SM_D_UNKNOWN_NAME, "'AETERM'", AE("<assign var=\"@@AETREM\" from=\"A\"/>"));
    MISTAKE(SM_D_UNKNOWN_NAME, "'AE'",
            SOURCE "<domain name=\"@@AEE\"><from source=\"s\"/></domain>");
    MISTAKE(SM_D_UNKNOWN_NAME, "no source 'ss'",
            SOURCE "<domain name=\"AE\"><from source=\"@@ss\"/></domain>");
    MISTAKE(
        SM_D_UNKNOWN_NAME, "'words'",
        "<recode name=\"words\"/>\n" AE("<assign var=\"AETERM\" from=\"A\" recode=\"@@wrods\"/>"));
    MISTAKE(SM_D_UNKNOWN_NAME, "no codelist",
            AE("<assign var=\"AETERM\" from=\"A\" codelist=\"@@NOPE\"/>"));
    MISTAKE(SM_D_UNKNOWN_NAME, "'SUBJ'",
            "<source name=\"s\"><column name=\"SUBJ\"/><file path=\"x.csv\">"
            "<column name=\"@@SUBI\" from=\"a\"/></file></source>\n");
    MISTAKE(SM_D_UNKNOWN_NAME, "no encoding",
            "<source name=\"s\"><file path=\"x.csv\" encoding=\"@@UTF-9\"/></source>\n");
}

static void an_unknown_standard_is_named(void **state) {
    mistake_in(
        *state, SM_D_UNKNOWN_NAME, "sdtmig-9.9.xml",
        "<study xmlns=\"urn:sdtmill:mapping:1\" oid=\"T\" name=\"T\" standard=\"@@SDTMIG 9.9\"/>");
    /* and nothing that only follows from it */
    struct world *w = *state;
    assert_int_equal(load(w, "<study xmlns=\"urn:sdtmill:mapping:1\" oid=\"T\" name=\"T\" standard=\"SDTMIG 9.9\">"
                             "<source name=\"s\"><column name=\"A\"/><file path=\"x\"/></source>"
                             "<domain name=\"AE\"><from source=\"s\"><assign var=\"AETERM\" from=\"A\"/></from></domain></study>"),
                     SM_ESPEC);
    assert_int_equal(w->diags.n, 1);
}

static void expressions_point_at_their_own_character(void **state) {
    MISTAKE(SM_D_UNKNOWN_NAME, "NOPE", AE("<compute var=\"AETERM\" value=\"concat(A, @@NOPE)\"/>"));
    MISTAKE(SM_D_UNKNOWN_NAME, "NOPE",
            AE("<compute var=\"AETERM\"\n  value=\"if (A &lt; 3) then 'é' else @@NOPE\"/>"));
    MISTAKE(SM_D_EXPRESSION, "", AE("<compute var=\"AETERM\" value=\"A + @@)\"/>"));
}

static void the_subject_must_fit_every_source(void **state) {
    struct world *w = *state;
    assert_int_equal(load(w, HEAD "<subject usubjid=\"SUBJ\"/><source name=\"s\"><column "
                                  "name=\"X\"/><file path=\"x\"/></source></study>"),
                     SM_ESPEC);
    find(&w->diags, SM_D_UNKNOWN_NAME, "source 's'");
    const struct sm_spec *s = GOOD("<subject usubjid=\"SUBJ\"/><source name=\"s\" "
                                   "usubjid=\"\"><column name=\"X\"/><file path=\"x\"/></source>");
    assert_null(s->source[0].usubjid);
}

static void rules_before_sorting_cannot_read_flags(void **state) {
    MISTAKE(SM_D_UNKNOWN_NAME, "after sorting",
            SOURCE
            "<domain name=\"AE\"><from source=\"s\"><assign var=\"AETERM\" from=\"A\"/></from>"
            "<derive><sequence var=\"AESEQ\"/><compute var=\"AESPID\" "
            "value=\"@@AESEQ\"/></derive></domain>");
}

static void a_variable_must_be_given_before_it_is_read(void **state) {
    MISTAKE(SM_D_UNKNOWN_NAME, "no earlier rule",
            AE("<compute var=\"AEDECOD\" value=\"@@AETERM\"/><assign var=\"AETERM\" from=\"A\"/>"));
    MISTAKE(
        SM_D_UNKNOWN_NAME, "around a record",
        AE("<assign var=\"AETERM\" from=\"A\"/><when test=\"@@AETERM != ''\"><record/></when>"));
}

/* ---- given twice ---- */

static void a_variable_given_twice_is_a_mistake(void **state) {
    MISTAKE(SM_D_ASSIGNED_TWICE, "AETERM",
            AE("<assign var=\"AETERM\" from=\"A\"/>\n@@<assign var=\"AETERM\" from=\"B\"/>"));
    MISTAKE(SM_D_ASSIGNED_TWICE, "AETERM",
            AE("<when test=\"A = '1'\"><assign var=\"AETERM\" from=\"A\"/></when>\n"
               "<when test=\"A = '2'\">@@<assign var=\"AETERM\" from=\"B\"/></when>"));
    MISTAKE(SM_D_ASSIGNED_TWICE, "AETERM",
            AE("<assign var=\"AETERM\" from=\"A\"/>\n<record/><record>"
               "@@<assign var=\"AETERM\" from=\"B\"/></record>"));
    MISTAKE(SM_D_ASSIGNED_TWICE, "AETERM",
            SOURCE
            "<domain name=\"AE\"><from source=\"s\"><assign var=\"AETERM\" from=\"A\"/></from>\n"
            "<derive>@@<hardcode var=\"AETERM\" value=\"x\"/></derive></domain>");
}

static void exclusive_branches_may_give_the_same_variable(void **state) {
    GOOD(AE("<when test=\"A = '1'\"><assign var=\"AETERM\" from=\"A\"/></when>"
            "<otherwise><when test=\"B = '1'\"><assign var=\"AETERM\" from=\"B\"/></when>"
            "<otherwise><hardcode var=\"AETERM\" value=\"x\"/></otherwise></otherwise>"));
    GOOD(AE("<record><assign var=\"AETERM\" from=\"A\"/></record><record><assign var=\"AETERM\" "
            "from=\"B\"/></record>"));
    GOOD(AE("<when test=\"A = '1'\"><record><assign var=\"AETERM\" from=\"A\"/></record></when>"
            "<otherwise><assign var=\"AETERM\" from=\"B\"/></otherwise>"));
}

/* ---- tables ---- */

static void tables_are_read_and_their_mistakes_have_lines(void **state) {
    struct world *w = *state;
    const struct sm_spec *s = GOOD(
        "<table name=\"v\" key=\"K\">\n  K,NUM,LABEL\n  a,1,\"One, first\"\n  b,2,Two\n</table>\n");
    assert_int_equal(s->ntable, 1);
    assert_int_equal(s->table[0].nval, 2);
    assert_int_equal(sm_lut_count(s->lut[0]), 2);
    sm_val key = sm_val_make(s->in, SM_STR("a"));
    const sm_val *row = sm_lut_find(s->lut[s->table[0].lut], &key);
    assert_non_null(row);
    struct sm_valbuf buf;
    assert_true(sm_str_eq_c(sm_val_text(s->texts, row[1], &buf), "One, first"));
    assert_int_equal(
        load(w, HEAD "<table name=\"v\" key=\"K\">\nK,N\na,1\n\na,2\nb\n</table></study>"),
        SM_ESPEC);
    assert_int_equal(find(&w->diags, SM_D_MAPPING_INVALID, "fields")->map_line, 7);
    assert_int_equal(
        load(w, HEAD "<table name=\"v\" key=\"K\">\nK,N\na,1\n\na,2\n</table></study>"), SM_ESPEC);
    assert_int_equal(find(&w->diags, SM_D_MAPPING_INVALID, "two rows")->map_line, 6);
}

static void tables_recodes_and_units_come_from_files_too(void **state) {
    struct world *w = *state;
    tmp_write(&w->tmp, "t/u.csv", "test;from;to;by\nALP;ukat/L;U/L;60\n;g;g;\n");
    tmp_write(&w->tmp, "t/r.csv", "site,local,std\n1,a,A\n2,a,B\n");
    const struct sm_spec *s =
        GOOD("<units name=\"u\" file=\"u.csv\" delimiter=\";\" test=\"test\" from=\"from\" "
             "to=\"to\" factor=\"by\"/>"
             "<recode name=\"r\" file=\"r.csv\" from=\"local\" to=\"std\"><only column=\"site\" "
             "value=\"2\"/></recode>\n" AE("<assign var=\"AETERM\" from=\"A\" recode=\"r\"/>"));
    const struct sm_domain *d = &s->domain[0];
    const struct sm_recode *r =
        rule(d->from[0].record[0].rule, d->from[0].record[0].nrule, var(d, "AETERM"))->recode;
    sm_val key = sm_val_make(s->in, SM_STR("a"));
    assert_int_equal(*sm_lut_find(r->map, &key), sm_val_make(s->in, SM_STR("B")));
    MISTAKE(SM_D_MAPPING_INVALID, "no file", "<table name=\"t\" key=\"k\" file=\"@@none.csv\"/>\n");
    MISTAKE(SM_D_UNKNOWN_NAME, "'local'",
            "<recode name=\"r\" file=\"r.csv\" from=\"@@locale\" to=\"std\"/>\n");
}

static void units_fold_the_divisor_and_know_their_tests(void **state) {
    const struct sm_spec *s =
        GOOD("<units name=\"u\" digits=\"1\"><convert test=\"GLUC\" from=\"mg/dL\" to=\"mmol/L\" "
             "factor=\"5/9\" divide=\"10\"/>"
             "<convert from=\"\" to=\"x\" offset=\"-32\"/></units>" SOURCE
             "<domain name=\"LB\"><from source=\"s\"><hardcode var=\"LBTESTCD\" "
             "value=\"GLUC\"/><assign var=\"LBORRES\" from=\"A\"/>"
             "<assign var=\"LBORNRHI\" from=\"B\"/></from><derive><standardize "
             "units=\"u\"/></derive></domain>");
    const struct sm_domain *d = &s->domain[0];
    assert_int_equal(d->post[0].kind, SM_RULE_STANDARDIZE);
    const struct sm_units *u = d->post[0].units;
    assert_int_equal(u->nconvert, 2);
    assert_true(u->any_test);
    char out[64];
    size_t n;
    assert_true(sm_dec_convert(SM_STR("180"), NULL, u->convert[0].factor, 1, SM_ROUND_HALF_UP, out,
                               sizeof out, &n));
    assert_true(sm_str_eq_c(sm_str_n(out, n), "10"));
    assert_int_equal(d->post[0].v[SM_STD_STRESN], var(d, "LBSTRESN"));
    assert_int_equal(d->post[0].v[SM_STD_STNRHI], var(d, "LBSTNRHI"));
    assert_int_equal(d->post[0].v[SM_STD_STNRLO], SM_NO);
    assert_int_equal(d->post[0].v[SM_STD_NRIND], var(d, "LBNRIND"));
    assert_int_equal(d->post[0].v[SM_STD_ORRESU], SM_NO);
}

static void codelists_check_constants_when_the_mapping_loads(void **state) {
    MISTAKE(SM_D_UNKNOWN_TERM, "'MILD'",
            "<codelist name=\"SEV\"><term value=\"MILD\"/></codelist>\n" AE(
                "<hardcode var=\"AESEV\" value=\"@@MILT\" codelist=\"SEV\"/>"));
    MISTAKE(SM_D_UNKNOWN_NAME, "codelist to extend", "<codelist name=\"X\" extends=\"@@Y\"/>\n");
    const struct sm_spec *s =
        GOOD("<codelist name=\"B\" extends=\"SEV\"><term value=\"Y\"/></codelist>"
             "<codelist name=\"SEV\" code=\"C1\"><term value=\"X\"/></codelist>" AE(
                 "<hardcode var=\"AESEV\" value=\"X\" codelist=\"B\"/>"));
    assert_int_equal(s->domain[0].var[var(&s->domain[0], "AESEV")].codelist[0]->nterm, 2);
}

/* ---- sources ---- */

static const struct sm_filecol *col(const struct sm_filecol *c, uint32_t n, uint32_t column) {
    for (uint32_t i = 0; i < n; i++)
        if (c[i].column == column) return &c[i];
    fail_msg("column %u is not supplied", column);
    return c;
}

static void a_file_supplies_every_canonical_column(void **state) {
    const struct sm_spec *s = GOOD(
        "<dialect name=\"no\" delimiter=\";\" decimal=\",\" missing=\"x\" header=\"2\"><column "
        "name=\"A\" from=\"Navn\"/>"
        "<column name=\"ELSEWHERE\" from=\"z\"/><not-submitted columns=\"Side Monitor\"/></dialect>"
        "<source name=\"s\"><column name=\"A\"/><column name=\"B\"/><column name=\"C\" "
        "type=\"number\"/><column name=\"D\"/>"
        "<column name=\"E\" type=\"date\"/><not-submitted column=\"Two words\"/>"
        "<key columns=\"A E\" duplicates=\"last-by:C\"/>"
        "<file path=\"1/*.csv\" dialect=\"no\" decimal=\".\" dates=\"dd.mm.yyyy\"><column "
        "name=\"B\" value=\"1\"/>"
        "<column name=\"C\" expr=\"substring-before(column('x y'), '/')\" "
        "missing=\"y\"/></file></source>");
    const struct sm_source *src = &s->source[0];
    const struct sm_file *f = &src->file[0];
    assert_int_equal(f->delimiter, ';');
    assert_int_equal(f->header, 2);
    assert_int_equal(f->ncol, 5);
    const struct sm_filecol *a = col(f->col, 5, 0), *c = col(f->col, 5, 2), *d = col(f->col, 5, 3);
    assert_true(sm_str_eq_c(f->raw[a->raw], "Navn"));
    assert_false(a->implied);
    assert_int_equal(col(f->col, 5, 1)->how, SM_SUPPLY_VALUE);
    assert_int_equal(c->how, SM_SUPPLY_EXPR);
    assert_int_equal(c->decimal, '.');
    assert_true(sm_str_eq_c(f->raw[c->raw], "x y"));
    assert_true(sm_str_eq_c(c->missing, "y"));
    assert_true(sm_str_eq_c(a->missing, "x"));
    assert_true(d->implied && d->how == SM_SUPPLY_HEADER);
    assert_ptr_equal(col(f->col, 5, 4)->dates, f->dates);
    assert_int_equal(f->nnot_submitted, 3);
    assert_int_equal(src->key->dups, SM_DUPS_LAST_BY);
    assert_int_equal(src->key->by, 2);
    assert_true(src->column[0].in_key && src->column[4].in_key && !src->column[1].in_key);
}

static void unpivot_supplies_the_rest_for_each_of_its_columns(void **state) {
    const struct sm_spec *s =
        GOOD("<source name=\"s\"><column name=\"ID\"/><column name=\"TEST\"/><column name=\"RES\" "
             "type=\"result\"/><column name=\"UNIT\"/>"
             "<column name=\"LOW\" optional=\"yes\"/><file path=\"a.csv\"><unpivot name=\"TEST\" "
             "value=\"RES\" unit=\"UNIT\">"
             "<from column=\"PSA (ng/mL)\" name=\"PSA\" unit=\"ng/mL\"><column name=\"LOW\" "
             "from=\"PSALO\"/></from>"
             "<from column=\"HB\" name=\"HGB\"/></unpivot></file></source>");
    const struct sm_file *f = &s->source[0].file[0];
    assert_int_equal(f->ncol, 1);
    assert_int_equal(f->unpivot->nfrom, 2);
    assert_true(f->unpivot->skip_empty);
    const struct sm_unpivot_from *u = f->unpivot->from;
    assert_int_equal(u[0].ncol, 4);
    assert_int_equal(u[0].value_col, 2);
    assert_true(sm_str_eq_c(f->raw[col(u[0].col, 4, 2)->raw], "PSA (ng/mL)"));
    assert_int_equal(col(u[0].col, 4, 1)->how, SM_SUPPLY_VALUE);
    assert_int_equal(col(u[1].col, 4, 3)->how, SM_SUPPLY_ABSENT);
    assert_true(col(u[1].col, 4, 4)->implied);
    MISTAKE(SM_D_MAPPING_INVALID, "supplied by the file and by its <unpivot>",
            "<source name=\"s\"><column name=\"T\"/><column name=\"R\"/><file path=\"a\">@@<column "
            "name=\"R\" from=\"x\"/>"
            "<unpivot name=\"T\" value=\"R\"><from column=\"c\" "
            "name=\"n\"/></unpivot></file></source>\n");
}

static void mistakes_of_sources_have_their_places(void **state) {
    MISTAKE(SM_D_MAPPING_INVALID, "twice",
            "<source name=\"s\"><column name=\"A\"/><column name=\"@@A\"/><file "
            "path=\"x\"/></source>\n");
    MISTAKE(SM_D_MAPPING_INVALID, "leaves the raw folder",
            "<source name=\"s\"><file path=\"@@../x.csv\"/></source>\n");
    MISTAKE(SM_D_MAPPING_INVALID, "no <file>", "@@<source name=\"s\"/>\n");
    MISTAKE(SM_D_MAPPING_INVALID, "date format",
            "<source name=\"s\"><file path=\"x\" dates=\"@@yyyy-mm-dd|\"/></source>\n");
    MISTAKE(SM_D_MAPPING_INVALID, "last-by:COLUMN",
            "<source name=\"s\"><column name=\"A\"/><key columns=\"A\" "
            "duplicates=\"@@newest\"/><file path=\"x\"/></source>\n");
    MISTAKE(SM_D_UNKNOWN_NAME, "no dialect",
            "<source name=\"s\"><file path=\"x\" dialect=\"@@no\"/></source>\n");
    MISTAKE(SM_D_MAPPING_INVALID, "defined twice",
            SOURCE "<source name=\"@@s\"><file path=\"x\"/></source>\n");
}

/* ---- the plan ---- */

static void records_hold_their_own_and_the_common_rules(void **state) {
    const struct sm_spec *s =
        GOOD(SOURCE "<domain name=\"VS\"><from source=\"s\" where=\"A != ''\"><datetime "
                    "var=\"VSDTC\" date=\"DAY\"/>"
                    "<record when=\"A != 'x'\"><hardcode var=\"VSTESTCD\" value=\"SYSBP\"/><assign "
                    "var=\"VSORRES\" from=\"A\"/></record>"
                    "<repeat columns=\"A B\"><compute var=\"VSTESTCD\" value=\"$column\"/><assign "
                    "var=\"VSORRES\" from=\"$value\"/></repeat>"
                    "<assign var=\"VSSPID\" from=\"B\"/></from><derive><sequence "
                    "var=\"VSSEQ\"/></derive></domain>");
    const struct sm_domain *d = &s->domain[0];
    const struct sm_from *f = &d->from[0];
    assert_non_null(f->filter);
    assert_int_equal(f->nrecord, 3);
    assert_int_equal(f->record[0].nrule,
                     7); /* STUDYID DOMAIN USUBJID VSDTC VSTESTCD VSORRES VSSPID */
    assert_non_null(f->record[0].guard);
    assert_null(f->record[0].rule[4].guard);
    assert_int_equal(f->record[0].repeat, SM_NO);
    assert_int_equal(f->record[2].repeat, 2);
    assert_true(f->record[2].skip_empty);
    assert_int_equal(f->record[2].param[1], sm_val_make(s->in, SM_STR("B")));
    assert_int_equal(f->record[0].trace[var(d, "VSORRES")], 1);
    assert_int_equal(f->record[2].trace[var(d, "VSORRES")], 2);
    assert_int_equal(f->record[0].trace[var(d, "VSTESTCD")], SM_NO);
    const struct sm_rule *dtc = rule(f->record[0].rule, f->record[0].nrule, var(d, "VSDTC"));
    assert_int_equal(dtc->kind, SM_RULE_DATETIME);
    assert_true(dtc->from_is_iso);
    assert_int_equal(dtc->column, 3);
    const struct sm_rule *id = rule(f->record[0].rule, f->record[0].nrule, var(d, "USUBJID"));
    assert_int_equal(id->from.kind, SM_SLOT_COLUMN);
    assert_int_equal(id->from.index, sm_source_usubjid(&s->source[0]));
    assert_int_equal(d->nderive, 1);
    assert_int_equal(d->seq, var(d, "VSSEQ"));
}

static void a_sequence_may_follow_the_raw_rows(void **state) {
    const struct sm_spec *s =
        GOOD(SOURCE "<domain name=\"AE\"><from source=\"s\"><assign var=\"AETERM\" from=\"A\"/></from>"
                    "<derive><sequence var=\"AESEQ\" order=\"source\"/></derive></domain>");
    assert_int_equal(s->domain[0].derive[0].norder, 1);
    assert_int_equal(s->domain[0].derive[0].order[0], SM_NO);
}

static void variables_stand_in_the_order_of_the_standard(void **state) {
    const struct sm_spec *s =
        GOOD(SOURCE "<domain name=\"AE\"><variable name=\"AEMINE\" label=\"Mine\" type=\"Num\" "
                    "after=\"AETERM\"/><from source=\"s\">"
                    "<supplement name=\"AETRTEM\" label=\"Treatment Emergent\" value=\"'Y'\" "
                    "origin=\"Derived\"/>"
                    "<assign var=\"AEENDTC\" from=\"DAY\"/><assign var=\"AESTDTC\" from=\"DAY\"/>"
                    "<hardcode var=\"AEMINE\" value=\"3\"/><assign var=\"AEDECOD\" "
                    "from=\"B\"/><assign var=\"AETERM\" from=\"A\"/></from></domain>");
    static const char *const want[] = {"STUDYID", "DOMAIN",  "USUBJID", "AESEQ",   "AETERM",
                                       "AEMINE",  "AEDECOD", "AESTDTC", "AEENDTC", "AETRTEM"};
    const struct sm_domain *d = &s->domain[0];
    assert_int_equal(d->nvar, SM_ARRAY_LEN(want));
    for (uint32_t i = 0; i < d->nvar; i++)
        assert_true(sm_str_eq_c(d->var[i].name, want[i]));
    assert_int_equal(d->nsupp, 1);
    assert_true(d->var[9].supp);
    assert_int_equal(d->var[9].origin, SM_ORIGIN_DERIVED);
    assert_true(d->var[5].is_num);
    assert_false(d->var[3].ruled);
    assert_int_equal(d->seq, SM_NO);
    assert_int_equal(d->npost, 1);
    assert_int_equal(d->post[0].kind, SM_RULE_DATE_ORDER);
    assert_int_equal(d->post[0].from.index, 7);
    assert_int_equal(d->post[0].time.index, 8);
    assert_true(d->nkey >= 4 && d->key[0] == 0 && d->key[1] == 2);
}

static void a_domain_may_be_like_another(void **state) {
    const struct sm_spec *s = GOOD(SOURCE "<domain name=\"XL\" like=\"LB\" label=\"Own\" "
                                          "keys=\"USUBJID XLTESTCD\"><from source=\"s\">"
                                          "<assign var=\"XLTESTCD\" from=\"A\"/></from></domain>");
    const struct sm_domain *d = &s->domain[0];
    assert_true(d->custom);
    assert_null(d->model);
    assert_true(sm_str_eq_c(d->cls, "Findings"));
    assert_int_equal(d->nkey, 2);
    assert_int_equal(d->key[1], var(d, "XLTESTCD"));
}

static void work_is_ordered_by_who_reads_whom(void **state) {
    const struct sm_spec *s = GOOD(
        SOURCE "<domain name=\"CM\"><from source=\"s\"><assign var=\"CMTRT\" from=\"A\"/></from>"
               "<derive><epoch var=\"EPOCH\" from=\"CMTRT\"/></derive></domain>"
               "<domain name=\"AE\"><from source=\"s\"><compute var=\"AETERM\" "
               "value=\"DM.RFSTDTC\"/></from></domain>"
               "<domain name=\"DM\"><from source=\"s\"><compute var=\"RFSTDTC\" "
               "value=\"lookup('first', USUBJID)\"/></from></domain>"
               "<lookup name=\"first\" source=\"s\" key=\"USUBJID\" take=\"min\" value=\"DAY\"/>"
               "<epochs><epoch name=\"ON\" start=\"DM.RFSTDTC\"/></epochs>");
    assert_int_equal(s->nstep, 4);
    assert_int_equal(s->step[0].kind, SM_STEP_LOOKUP);
    assert_int_equal(s->step[1].index, 2);
    assert_int_equal(s->step[2].index, 0);
    assert_int_equal(s->step[3].index, 1);
    assert_int_equal(s->nref, 1);
    assert_int_equal(s->lookup[0].nkey, 1);
    assert_int_equal(s->lookup[0].take, SM_TAKE_MIN);
    assert_int_equal(s->nlut, 1);
}

static void circles_are_named(void **state) {
    struct world *w = *state;
    assert_int_equal(load(w, HEAD SOURCE
                          "<domain name=\"AE\"><from source=\"s\"><compute var=\"AETERM\" "
                          "value=\"CM.CMTRT\"/></from></domain>"
                          "<domain name=\"CM\"><from source=\"s\"><compute var=\"CMTRT\" "
                          "value=\"AE.AETERM\"/></from></domain></study>"),
                     SM_ESPEC);
    find(&w->diags, SM_D_CIRCLE, "AE -> CM -> AE");
}

static void lookups_have_several_keys(void **state) {
    const struct sm_spec *s =
        GOOD(SOURCE "<lookup name=\"a\" source=\"s\" key=\"A B\" value=\"DAY\"/><lookup name=\"b\" "
                    "source=\"s\" "
                    "key=\"(concat(A, B), B)\" value=\"DAY\"/><lookup name=\"c\" source=\"s\" "
                    "key=\"A, B, DAY\" take=\"count\"/>");
    assert_int_equal(s->lookup[0].nkey, 2);
    assert_int_equal(s->lookup[1].nkey, 2);
    assert_int_equal(s->lookup[2].nkey, 3);
    MISTAKE(SM_D_UNKNOWN_NAME, "NOPE",
            SOURCE
            "<lookup name=\"b\" source=\"s\" key=\"(concat(A, B), @@NOPE)\" value=\"DAY\"/>\n");
    MISTAKE(SM_D_MAPPING_INVALID,
            "no value=", SOURCE "@@<lookup name=\"b\" source=\"s\" key=\"A\"/>\n");
}

static void multiple_choices_have_their_supplements(void **state) {
    const struct sm_spec *s = GOOD(
        SOURCE "<domain name=\"DM\"><from source=\"s\"><multiple var=\"RACE\"><choice from=\"A\"/>"
               "<choice test=\"B = 'x'\" value=\"WHITE\"/></multiple></from></domain>");
    const struct sm_domain *d = &s->domain[0];
    const struct sm_rule *r =
        rule(d->from[0].record[0].rule, d->from[0].record[0].nrule, var(d, "RACE"));
    assert_int_equal(r->nchoice, 2);
    assert_int_equal(r->nv, 2);
    assert_int_equal(r->v[1], var(d, "RACE2"));
    assert_true(d->var[r->v[1]].supp);
    assert_int_equal(r->value, sm_val_make(s->in, SM_STR("MULTIPLE")));
}

static void mistakes_of_domains_have_their_places(void **state) {
    MISTAKE(SM_D_MAPPING_INVALID, "no <from>", "@@<domain name=\"AE\"/>\n");
    MISTAKE(SM_D_MAPPING_INVALID, "defined twice",
            AE("") "<domain name=\"@@AE\"><from source=\"s\"/></domain>\n");
    MISTAKE(SM_D_MAPPING_INVALID, "cannot be a sort key",
            SOURCE "<domain name=\"AE\" keys=\"@@AESEQ\"><from source=\"s\"/>"
                   "<derive><sequence var=\"AESEQ\"/></derive></domain>\n");
    MISTAKE(SM_D_UNKNOWN_NAME, "no rule of AE gives 'AECAT'",
            SOURCE "<domain name=\"AE\" keys=\"USUBJID @@AECAT\"><from source=\"s\"/></domain>\n");
    MISTAKE(SM_D_MAPPING_INVALID, "cannot be the name",
            AE("<supplement name=\"@@lower\" label=\"x\" from=\"A\"/>"));
    MISTAKE(SM_D_MAPPING_INVALID, "is numeric", AE("<hardcode var=\"AESTDY\" value=\"@@soon\"/>"));
    MISTAKE(SM_D_MAPPING_INVALID,
            "either source= or domain=", SOURCE "<domain name=\"AE\">@@<from/></domain>\n");
    MISTAKE(SM_D_UNKNOWN_NAME, "no domain 'XX'",
            SOURCE "<domain name=\"AE\"><from source=\"s\"/><derive><relate to=\"@@XX\" "
                   "by=\"AESPID\"/></derive></domain>\n");
    MISTAKE(SM_D_UNKNOWN_NAME, "inside <repeat>",
            AE("<compute var=\"AETERM\" value=\"@@$value\"/>"));
}

static void all_mistakes_are_named_at_once(void **state) {
    struct world *w = *state;
    assert_int_equal(
        load(w, HEAD AE("<assign var=\"AETREM\" from=\"X1\"/><assign var=\"AECAT\" from=\"X2\"/>"
                        "<compute var=\"AESCAT\" value=\"1 +\"/>") "</study>"),
        SM_ESPEC);
    assert_int_equal(w->diags.n, 4);
}

static void too_many_elements_stop_the_loading(void **state) {
    struct world *w = *state;
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_add_c(&b, HEAD SOURCE "<domain name=\"AE\"><from source=\"s\">");
    for (int i = 0; i < 5001; i++)
        sm_buf_add_c(&b, "<record/>");
    sm_buf_add_c(&b, "</from></domain></study>");
    assert_int_equal(load(w, b.p), SM_ESPEC);
    assert_int_equal(w->diags.n, 1);
    find(&w->diags, SM_D_MAPPING_INVALID, "too large");
    sm_buf_free(&b);
}

/* ---- lint ---- */

static void lint_names_what_is_of_no_use(void **state) {
    const struct sm_spec *s =
        GOOD("<recode name=\"r\"/><table name=\"t\" key=\"K\">K,V\n1,2\n</table>"
             "<codelist name=\"C\"/><codelist name=\"USED\"><term value=\"x\"/></codelist>" AE(
                 "<assign var=\"AETERM\" from=\"A\"/><when test=\"1 = 2\"><assign var=\"AECAT\" "
                 "from=\"A\"/></when>"
                 "<compute var=\"AESCAT\" value=\"codelist('USED', A)\"/>"));
    struct sm_diags d;
    sm_diags_init(&d);
    sm_spec_lint(s, &d);
    find(&d, SM_D_NEVER_USED, "recode 'r'");
    find(&d, SM_D_NEVER_USED, "table 't'");
    find(&d, SM_D_NEVER_USED, "codelist 'C'");
    find(&d, SM_D_NEVER_USED, "column 'B'");
    find(&d, SM_D_NEVER_USED, "column 'DAY'");
    find(&d, SM_D_NEVER_FIRES, "1 = 2");
    find(&d, SM_D_REQUIRED_UNMAPPED, "AEDECOD");
    find(&d, SM_D_EXPECTED_UNMAPPED, "AESTDTC");
    for (const struct sm_diag *x = d.first; x; x = x->next) {
        assert_true(sm_str_find(x->detail, SM_STR("USED"), 0) == SIZE_MAX);
        assert_true(sm_str_find(x->detail, SM_STR("'SUBJ'"), 0) == SIZE_MAX);
        assert_true(sm_str_find(x->detail, SM_STR("AETERM"), 0) == SIZE_MAX);
    }
    sm_diags_free(&d);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    static const struct CMUnitTest tests[] = {
        T(broken_xml_is_one_finding_with_its_line),
        T(a_document_type_is_refused),
        T(another_root_is_refused),
        T(deep_nesting_is_refused),
        T(a_study_that_is_not_there_is_a_finding),
        T(wrong_attributes_are_named_with_their_column_and_the_nearest),
        T(wrong_elements_are_named_with_the_nearest),
        T(comments_and_cdata_do_not_move_places),
        T(included_files_are_read_and_named_in_findings),
        T(inclusion_stays_inside_and_knows_circles),
        T(unknown_names_offer_the_nearest),
        T(an_unknown_standard_is_named),
        T(expressions_point_at_their_own_character),
        T(the_subject_must_fit_every_source),
        T(rules_before_sorting_cannot_read_flags),
        T(a_variable_must_be_given_before_it_is_read),
        T(a_variable_given_twice_is_a_mistake),
        T(exclusive_branches_may_give_the_same_variable),
        T(tables_are_read_and_their_mistakes_have_lines),
        T(tables_recodes_and_units_come_from_files_too),
        T(units_fold_the_divisor_and_know_their_tests),
        T(codelists_check_constants_when_the_mapping_loads),
        T(a_file_supplies_every_canonical_column),
        T(unpivot_supplies_the_rest_for_each_of_its_columns),
        T(mistakes_of_sources_have_their_places),
        T(records_hold_their_own_and_the_common_rules),
        T(a_sequence_may_follow_the_raw_rows),
        T(variables_stand_in_the_order_of_the_standard),
        T(a_domain_may_be_like_another),
        T(work_is_ordered_by_who_reads_whom),
        T(circles_are_named),
        T(lookups_have_several_keys),
        T(multiple_choices_have_their_supplements),
        T(mistakes_of_domains_have_their_places),
        T(all_mistakes_are_named_at_once),
        T(too_many_elements_stop_the_loading),
        T(lint_names_what_is_of_no_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
