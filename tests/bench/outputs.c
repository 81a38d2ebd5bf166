/* SPDX-License-Identifier: MIT */
/* outputs.c - our Dataset-XML and XPORT writers next to libxml2's xmlTextWriter and libreadstat's.
 *   outputs LB.csv FOLDER
 * All write the rows of one CSV dataset again and again, into memory that is thrown away, in turns,
 * one thread each. Numbers are the CPU time of the fastest turn. That all write the same is looked
 * at first. FOLDER is needed to open a writer, and is not changed. */
#include <libxml/xmlwriter.h>
#include <readstat.h>
#include <time.h>

#include "sdtmill/emit.h"
#include "sdtmill/err.h"
#include "sdtmill/hash.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"

enum { VARS_MOST = 64, BLOCK = 1024, TURNS = 5, PASSES = 3, HEAD = 2 };

struct data {
    char *bytes;
    size_t nbytes, cap_bytes;
    struct sm_texts *texts;
    struct sm_intern *in;
    struct sm_dsvar var[VARS_MOST];
    uint32_t column[VARS_MOST];
    char oid[VARS_MOST][SM_EMIT_OID_MAX];
    struct sm_dsinfo ds;
    const char **text; /* [rows][nvar], NUL-terminated; NULL = missing */
    double *number;    /* the same, for numbers */
    sm_val *cell;
    sm_pos *pos;
    size_t cap_text, items;
};

/* Where written bytes go: counted, and hashed when somebody asks. */
struct drain {
    uint64_t n, skip; /* bytes to leave out of the hash at first */
    struct sm_sha256 *hash;
};

static void drain_add(struct drain *d, const char *p, size_t n) {
    d->n += n;
    if (!d->hash) return;
    size_t skip = n < d->skip ? n : (size_t)d->skip;
    d->skip -= skip;
    sm_sha256_add(d->hash, p + skip, n - skip);
}

static int fail(const char *what) {
    fprintf(stderr, "outputs: %s\n", what);
    return 1;
}

/* ---- the rows --------------------------------------------------------------------------------- */
static bool slurp(struct data *d, const char *path) {
    FILE *f = fopen(path, "rb");
    size_t n = 1;
    while (f && n > 0 && !sm_grow(&d->bytes, &d->cap_bytes, d->nbytes + 65537, 1, NULL))
        d->nbytes += n = fread(d->bytes + d->nbytes, 1, 65536, f);
    if (f) fclose(f);
    return n == 0 && d->nbytes > 0;
}

/* One field, unquoted in place and ended by a NUL; *end is the byte that ended it. */
static struct sm_str field(char **at, const char *stop, char *end) {
    char *p = *at, *from = p, *to = p;
    bool quoted = p < stop && *p == '"';
    if (quoted) p++;
    for (; p < stop; p++) {
        if (quoted && *p == '"') {
            quoted = p + 1 < stop && p[1] == '"';
            if (!quoted) continue;
            p++;
        } else if (!quoted && (*p == ',' || *p == '\n')) {
            break;
        }
        *to++ = *p;
    }
    *end = p < stop ? *p : '\n';
    *at = p + 1;
    *to = '\0';
    return sm_str_n(from, (size_t)(to - from));
}

static bool is_number(struct sm_str name) {
    static const char *const numbers[] = {"LBSEQ", "LBSTRESN", "VISITNUM", "LBDY"};
    for (size_t i = 0; i < SM_ARRAY_LEN(numbers); i++)
        if (sm_str_eq_c(name, numbers[i])) return true;
    return false;
}

static void add_cell(struct data *d, size_t i, struct sm_str s) {
    const struct sm_dsvar *v = &d->var[i % d->ds.nvar];
    d->text[i] = s.n ? s.p : NULL;
    d->number[i] = 0;
    if (v->is_num && s.n && !sm_num_parse(s, false, &d->number[i])) d->text[i] = NULL;
    d->cell[i] = s.n ? sm_val_make(d->in, s) : SM_MISSING;
    if (v->is_dtc) d->cell[i] = sm_val_as_dtc(d->texts, d->cell[i]);
    d->items += s.n > 0;
}

static bool more_rows(struct data *d, size_t rows) {
    size_t n = rows * d->ds.nvar, cap = d->cap_text;
    if (n <= cap) return true;
    n = cap ? cap * 2 : 65536 * (size_t)d->ds.nvar;
    d->cap_text = n;
    return !sm_resize(&d->text, n, sizeof *d->text, NULL) &&
           !sm_resize(&d->number, n, sizeof *d->number, NULL) &&
           !sm_resize(&d->cell, n, sizeof *d->cell, NULL);
}

/* Records with other than ASCII are left out: XPORT does not hold them. */
static bool row_is_ascii(const struct data *d, size_t row) {
    for (size_t i = 0; i < d->ds.nvar; i++) {
        const char *t = d->text[row * d->ds.nvar + i];
        for (; t && *t; t++)
            if ((unsigned char)*t >= 0x7F || (unsigned char)*t < 0x20) return false;
    }
    return true;
}

static bool read_rows(struct data *d) {
    char *p = d->bytes, *stop = p + d->nbytes, end = ',';
    for (uint32_t i = 0; end == ',' && i < VARS_MOST; i++) {
        struct sm_str name = field(&p, stop, &end);
        d->var[i] = (struct sm_dsvar){.name = name,
                                      .label = name,
                                      .is_num = is_number(name),
                                      .is_dtc = sm_str_eq_c(name, "LBDTC"),
                                      .all_integer = true,
                                      .all_ascii = true};
        d->column[i] = i;
        d->ds.nvar = d->ds.block_ncol = i + 1;
    }
    for (size_t row = 0, items; p < stop; row = (size_t)d->ds.rows) {
        items = d->items;
        if (!more_rows(d, row + 1)) return false;
        for (size_t i = 0; i < d->ds.nvar; i++)
            add_cell(d, row * d->ds.nvar + i, field(&p, stop, &end));
        if (row_is_ascii(d, row))
            d->ds.rows++;
        else
            d->items = items;
    }
    d->pos = sm_alloc(BLOCK, sizeof *d->pos);
    return d->pos && !sm_intern_failed(d->in) && d->ds.rows > 0;
}

static struct sm_block block_at(const struct data *d, size_t row) {
    size_t n = (size_t)d->ds.rows - row;
    return (struct sm_block){d->cell + row * d->ds.nvar, d->pos,
                             (uint32_t)(n < BLOCK ? n : BLOCK), d->ds.nvar};
}

static bool open_data(struct data *d, const char *path) {
    d->ds.name = d->ds.domain = SM_STR("LB");
    d->ds.label = SM_STR("Laboratory Test Results");
    d->ds.var = d->var;
    d->ds.column = d->column;
    if (sm_texts_open(&d->texts, NULL) || sm_intern_open(&d->in, d->texts, NULL)) return false;
    if (!slurp(d, path) || !read_rows(d)) return false;
    for (uint32_t i = 0; i < d->ds.nvar; i++)
        sm_oid_item(&d->ds, &d->var[i], d->oid[i], sizeof d->oid[i]);
    uint64_t rows = d->ds.rows;
    for (size_t row = 0; row < rows; row += BLOCK) {
        struct sm_block b = block_at(d, row);
        sm_dsinfo_fold(&d->ds, d->texts, &b, true);
    }
    d->ds.rows = rows;
    return true;
}

/* ---- ours ------------------------------------------------------------------------------------- */
/* The rows through one of our writers, whose sink is one in memory meanwhile. */
static int write_ours(const struct data *d, struct sm_emitter *e, struct drain *out) {
    struct sm_sink *file = e->sink, *memory = NULL;
    int rc = sm_sink_in_memory(&memory, NULL);
    if (rc) return rc;
    e->sink = memory;
    e->rows = 0;
    for (size_t row = 0; row < d->ds.rows && !rc; row += BLOCK) {
        struct sm_block b = block_at(d, row);
        rc = sm_emitter_block(e, &b, NULL);
        struct sm_str s = sm_sink_kept(memory);
        drain_add(out, s.p, s.n);
    }
    e->sink = file;
    sm_sink_discard(memory);
    return rc;
}

/* ---- libxml2 ---------------------------------------------------------------------------------- */
static int take_xml(void *ctx, const char *p, int n) {
    drain_add(ctx, p, (size_t)n);
    return n;
}

static int write_libxml2(const struct data *d, struct drain *out) {
    struct drain head = {0};
    xmlOutputBufferPtr b = xmlOutputBufferCreateIO(take_xml, NULL, &head, NULL);
    xmlTextWriterPtr w = xmlNewTextWriter(b);
    char number[24] = "";
    xmlTextWriterSetIndent(w, 1);
    xmlTextWriterSetIndentString(w, BAD_CAST "  ");
    xmlTextWriterStartElement(w, BAD_CAST "ODM");
    xmlTextWriterStartElement(w, BAD_CAST "ClinicalData");
    xmlTextWriterFlush(w);
    b->context = out;
    for (size_t row = 0; row < d->ds.rows; row++) {
        number[sm_num_format_u64(row + 1, number)] = '\0';
        xmlTextWriterStartElement(w, BAD_CAST "ItemGroupData");
        xmlTextWriterWriteAttribute(w, BAD_CAST "ItemGroupOID", BAD_CAST "IG.LB");
        xmlTextWriterWriteAttribute(w, BAD_CAST "data:ItemGroupDataSeq", BAD_CAST number);
        for (uint32_t i = 0; i < d->ds.nvar; i++) {
            const char *text = d->text[row * d->ds.nvar + i];
            if (!text) continue;
            xmlTextWriterStartElement(w, BAD_CAST "ItemData");
            xmlTextWriterWriteAttribute(w, BAD_CAST "ItemOID", BAD_CAST d->oid[i]);
            xmlTextWriterWriteAttribute(w, BAD_CAST "Value", BAD_CAST text);
            xmlTextWriterEndElement(w);
        }
        xmlTextWriterEndElement(w);
    }
    xmlTextWriterFlush(w);
    b->context = &head;
    xmlFreeTextWriter(w);
    return SM_OK;
}

/* ---- libreadstat ------------------------------------------------------------------------------ */
static ssize_t take_xpt(const void *p, size_t n, void *ctx) {
    drain_add(ctx, p, n);
    return (ssize_t)n;
}

static uint32_t width_of(const struct sm_dsvar *v) {
    return v->max_bytes < 1 ? 1 : v->max_bytes > 200 ? 200 : v->max_bytes;
}

static readstat_error_t insert_row(readstat_writer_t *w, const struct data *d, size_t row) {
    readstat_error_t bad = readstat_begin_row(w);
    for (uint32_t i = 0; i < d->ds.nvar && !bad; i++) {
        const readstat_variable_t *v = readstat_get_variable(w, (int)i);
        size_t at = row * d->ds.nvar + i;
        if (!d->text[at])
            bad = readstat_insert_missing_value(w, v);
        else if (d->var[i].is_num)
            bad = readstat_insert_double_value(w, v, d->number[at]);
        else
            bad = readstat_insert_string_value(w, v, d->text[at]);
    }
    return bad ? bad : readstat_end_row(w);
}

static int write_readstat(const struct data *d, struct drain *out) {
    readstat_writer_t *w = readstat_writer_init();
    char name[9];
    readstat_set_data_writer(w, take_xpt);
    readstat_writer_set_file_format_version(w, 5);
    for (uint32_t i = 0; i < d->ds.nvar; i++) {
        const struct sm_dsvar *v = &d->var[i];
        (void)snprintf(name, sizeof name, "%.*s", SM_STR_FMT(v->name));
        readstat_add_variable(w, name, v->is_num ? READSTAT_TYPE_DOUBLE : READSTAT_TYPE_STRING,
                              v->is_num ? 8 : width_of(v));
    }
    readstat_error_t bad = readstat_begin_writing_xport(w, out, (long)d->ds.rows);
    for (size_t row = 0; row < d->ds.rows && !bad; row++)
        bad = insert_row(w, d, row);
    if (!bad) bad = readstat_end_writing(w);
    if (bad) (void)fail(readstat_error_message(bad));
    readstat_writer_free(w);
    return bad ? SM_ESTATE : SM_OK;
}

/* ---- a plain writer of the same items --------------------------------------------------------- */
static char *plain_text(char *p, const char *s) {
    for (; *s; s++) {
        const char *r = *s == '&'    ? "&amp;"
                        : *s == '<'  ? "&lt;"
                        : *s == '>'  ? "&gt;"
                        : *s == '"'  ? "&quot;"
                        : *s == '\t' ? "&#9;"
                                     : NULL;
        if (!r) *p++ = *s;
        for (; r && *r; r++)
            *p++ = *r;
    }
    return p;
}

static char *plain_copy(char *p, const char *s) {
    size_t n = strlen(s);
    memcpy(p, s, n);
    return p + n;
}

static int write_plain(const struct data *d, struct drain *out) {
    enum { ROOM = 1 << 20 };
    char *buffer = sm_alloc(ROOM, 1), *p = buffer;
    if (!buffer) return SM_ENOMEM;
    for (size_t row = 0; row < d->ds.rows; row++) {
        if (p - buffer > ROOM / 2) {
            drain_add(out, buffer, (size_t)(p - buffer));
            p = buffer;
        }
        p = plain_copy(p, "    <ItemGroupData ItemGroupOID=\"IG.LB\" data:ItemGroupDataSeq=\"");
        p += sm_num_format_u64(row + 1, p);
        p = plain_copy(p, "\">\n");
        for (uint32_t i = 0; i < d->ds.nvar; i++) {
            const char *text = d->text[row * d->ds.nvar + i];
            if (!text) continue;
            p = plain_copy(p, "      <ItemData ItemOID=\"");
            p = plain_copy(p, d->oid[i]);
            p = plain_copy(p, "\" Value=\"");
            p = plain_text(p, text);
            p = plain_copy(p, "\"/>\n");
        }
        p = plain_copy(p, "    </ItemGroupData>\n");
    }
    drain_add(out, buffer, (size_t)(p - buffer));
    sm_free(buffer);
    return SM_OK;
}

/* ---- in turns --------------------------------------------------------------------------------- */
struct racer {
    const char *name;
    struct sm_emitter *ours; /* or */
    int (*write)(const struct data *d, struct drain *out);
    uint64_t skip;   /* bytes before the rows */
    uint64_t record; /* blanks fill the last record of so many bytes; 0 = they do not, or are there */
    double best;   /* seconds a pass */
    char digest[65];
};

static int one_pass(const struct data *d, const struct racer *r, struct drain *out) {
    return r->ours ? write_ours(d, r->ours, out) : r->write(d, out);
}

static double cpu(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int take_digest(const struct data *d, struct racer *r) {
    struct drain out = {.skip = r->skip};
    if (sm_sha256_open(&out.hash, NULL)) return SM_ENOMEM;
    int rc = one_pass(d, r, &out);
    while (r->record && out.n % r->record)
        drain_add(&out, " ", 1);
    sm_sha256_finish(out.hash, r->digest);
    return rc;
}

static int race(const struct data *d, struct racer *r, size_t n) {
    int rc = SM_OK;
    for (size_t i = 0; i < n && !rc; i++) {
        rc = take_digest(d, &r[i]);
        r[i].best = 1e9;
    }
    for (int turn = 0; turn < TURNS && !rc; turn++) {
        for (size_t i = 0; i < n && !rc; i++) {
            struct drain out = {0};
            double t = cpu();
            for (int k = 0; k < PASSES && !rc; k++)
                rc = one_pass(d, &r[i], &out);
            t = (cpu() - t) / PASSES;
            if (t < r[i].best) r[i].best = t;
        }
    }
    return rc;
}

static const char *same(const struct racer *r, size_t i) {
    return memcmp(r[i].digest, r[0].digest, 64) == 0 ? "yes" : "NO";
}

static int race_xml(const struct data *d, struct sm_emitter *e) {
    struct racer r[] = {{.name = "sdtmill", .ours = e},
                        {.name = "plain buffer", .write = write_plain},
                        {.name = "xmlTextWriter", .write = write_libxml2, .skip = HEAD}};
    int rc = race(d, r, SM_ARRAY_LEN(r));
    if (rc) return rc;
    printf("| Dataset-XML, %zu items | ns an item | times sdtmill's | same bytes |\n"
           "|---|---|---|---|\n",
           d->items);
    for (size_t i = 0; i < SM_ARRAY_LEN(r); i++)
        printf("| %s | %.1f | %.1f | %s |\n", r[i].name, r[i].best * 1e9 / (double)d->items,
               r[i].best / r[0].best, same(r, i));
    return SM_OK;
}

static int race_xpt(const struct data *d, struct sm_emitter *e) {
    struct racer r[] = {
        {.name = "sdtmill", .ours = e, .record = 80},
        {.name = "libreadstat", .write = write_readstat, .skip = sm_sink_size(e->sink)}};
    int rc = race(d, r, SM_ARRAY_LEN(r));
    if (rc) return rc;
    printf("\n| XPORT, %llu rows of %u | million rows/s | sdtmill's times that | same bytes |\n"
           "|---|---|---|---|\n",
           (unsigned long long)d->ds.rows, d->ds.nvar);
    for (size_t i = 0; i < SM_ARRAY_LEN(r); i++)
        printf("| %s | %.2f | %.1f | %s |\n", r[i].name, 1e-6 * (double)d->ds.rows / r[i].best,
               r[i].best / r[0].best, same(r, i));
    return SM_OK;
}

static int race_json(const struct data *d, struct sm_emitter *e) {
    struct racer r = {.name = "sdtmill", .ours = e};
    int rc = race(d, &r, 1);
    if (!rc)
        printf("\n| Dataset-JSON, the same rows | million rows/s |\n|---|---|\n| %s | %.2f |\n",
               r.name, 1e-6 * (double)d->ds.rows / r.best);
    return rc;
}

static int with_writer(const struct data *d, const struct sm_emit_study *s, const char *format,
                       int (*race_it)(const struct data *, struct sm_emitter *)) {
    struct sm_emitter *e = NULL;
    struct sm_err err = {0};
    int rc = sm_emitter_open(&e, sm_emit_find(sm_str(format)), s, &err);
    if (!rc) rc = sm_emitter_begin(e, &d->ds, &err);
    if (!rc && e->refused) rc = sm_fail(&err, SM_EDATA, "%s refuses the dataset", format);
    if (!rc) rc = race_it(d, e);
    sm_emitter_close(e);
    if (rc) (void)fail(*err.text ? err.text : "cannot write");
    return rc;
}

int main(int argc, char **argv) {
    static struct data d;
    struct sm_diags diags;
    if (argc != 3) return fail("usage: outputs LB.csv FOLDER");
    if (!open_data(&d, argv[1])) return fail("cannot read the dataset");
    sm_diags_init(&diags);
    struct sm_emit_study s = {.oid = SM_STR("BENCH"),
                              .metadata_oid = SM_STR("MDV.BENCH"),
                              .file_oid = SM_STR("BENCH.define"),
                              .created = SM_STR("2024-01-01T00:00:00"),
                              .texts = d.texts,
                              .diags = &diags};
    struct sm_err err = {0};
    if (sm_stage_open(&s.stage, argv[2], true, &err)) return fail(err.text);
    int rc = with_writer(&d, &s, "xml", race_xml);
    if (!rc) rc = with_writer(&d, &s, "xpt", race_xpt);
    if (!rc) rc = with_writer(&d, &s, "ndjson", race_json);
    sm_stage_close(s.stage);
    return rc != SM_OK;
}
