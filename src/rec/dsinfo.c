/* SPDX-License-Identifier: MIT */
#include "sdtmill/dsinfo.h"

#include "rec_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"
#include "sdtmill/utf8.h"

static uint32_t cap32(size_t n) {
    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static uint32_t max32(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

static uint8_t shape_of_dtc(const struct sm_dtc *d) {
    const bool date = d->year >= 0 && d->month >= 0 && d->day >= 0, time = d->hour >= 0;
    if (d->year < 0 && d->month < 0 && d->day < 0)
        return d->minute >= 0 && time ? SM_SHAPE_TIME : SM_SHAPE_GAP;
    if (!time && d->minute < 0 && d->second < 0) {
        if (date) return SM_SHAPE_DATE;
        return d->year >= 0 && (d->day < 0 || d->month >= 0) ? SM_SHAPE_PARTIAL_DATE : SM_SHAPE_GAP;
    }
    if (!date || !time || (d->second >= 0 && d->minute < 0)) return SM_SHAPE_GAP;
    return d->second >= 0 ? SM_SHAPE_DATETIME_FULL : SM_SHAPE_DATETIME_SHORT;
}

/* hh:mm[:ss] without a date. */
static bool is_time(struct sm_str s) {
    static const char form[] = "00:00:00";
    if (s.n != 5 && s.n != 8) return false;
    for (size_t i = 0; i < s.n; i++)
        if (form[i] == '0' ? !sm_is_digit(s.p[i]) : s.p[i] != form[i]) return false;
    return true;
}

static uint8_t shape_of_text(struct sm_str s) {
    struct sm_dtc d;
    if (s.n && s.p[0] == 'P' && (s.n < 2 || sm_is_digit(s.p[1]) || s.p[1] == 'T'))
        return SM_SHAPE_DURATION;
    if (s.n > 1 && s.p[0] == '-' && s.p[1] == 'P') return SM_SHAPE_DURATION;
    if (is_time(s)) return SM_SHAPE_TIME;
    return sm_dtc_parse(s, &d) ? shape_of_dtc(&d) : SM_SHAPE_OTHER;
}

static void fold_number(struct sm_dsvar *v, struct sm_str s) {
    if (!sm_num_parse(s, false, NULL)) {
        v->all_integer = v->all_number = false;
        return;
    }
    size_t point = sm_str_find_byte(s, '.', 0);
    size_t whole = point == SIZE_MAX ? s.n : point, after = point == SIZE_MAX ? 0 : s.n - point - 1;
    if (cap32(whole) > v->int_digits) v->int_digits = cap32(whole);
    if (cap32(after) > v->decimals) v->decimals = cap32(after);
    for (size_t i = 0; i < after && v->all_integer; i++)
        v->all_integer = s.p[point + 1 + i] == '0';
}

/* Bytes of what sm_utf8_to_ascii makes of it, 0 when it cannot. */
static size_t ascii_length(struct sm_str s) {
    size_t n = 0;
    if (sm_utf8_invalid(s, NULL) != SIZE_MAX) return 0;
    for (const char *p = s.p, *end = s.p + s.n; p < end;) {
        uint32_t cp = sm_utf8_next(&p, end);
        const char *ascii = cp < 0x80 ? "?" : sm_utf8_ascii(cp);
        if (!ascii) return 0;
        n += strlen(ascii);
    }
    return n;
}

static void fold_text(struct sm_dsvar *v, struct sm_str s) {
    if (s.n > v->max_bytes) v->max_bytes = cap32(s.n);
    bool ascii = true;
    for (size_t i = 0; i < s.n && ascii; i++)
        ascii = (unsigned char)s.p[i] < 0x80;
    v->all_ascii = v->all_ascii && ascii;
    size_t spelled = ascii ? s.n : ascii_length(s);
    if (spelled > v->max_ascii) v->max_ascii = cap32(spelled);
    if (s.n <= v->max_chars) return;
    size_t chars = s.n;
    for (size_t i = 0; i < s.n && !ascii; i++)
        chars -= ((unsigned char)s.p[i] & 0xC0) == 0x80;
    if (chars > v->max_chars) v->max_chars = cap32(chars);
}

/* n digits, as most numbers are. */
static void fold_digits(struct sm_dsvar *v, uint32_t n, bool number) {
    v->max_bytes = max32(v->max_bytes, n);
    v->max_ascii = max32(v->max_ascii, n);
    v->max_chars = max32(v->max_chars, n);
    if (number) v->int_digits = max32(v->int_digits, n);
}

void rec_fold_value(struct sm_dsvar *v, const struct sm_texts *t, sm_val x, bool number) {
    struct sm_valbuf b;
    if (!v->is_dtc && sm_val_is_inline(x) && sm_val_is_digits(x)) {
        fold_digits(v, sm_val_inline_length(x), number);
        return;
    }
    if (v->is_dtc && sm_val_is_dtc(x)) {
        struct sm_dtc d = sm_dtc_unpack(sm_val_packed(x));
        v->date_shapes |= shape_of_dtc(&d);
    }
    struct sm_str s = sm_val_text(t, x, &b);
    if (v->is_dtc && !sm_val_is_dtc(x)) v->date_shapes |= shape_of_text(s);
    fold_text(v, s);
    if (number) fold_number(v, s);
}

/* Values that were folded lately, by their bits: most columns hold few values many times. */
enum { RECENT_BITS = 7 };
static bool is_recent(sm_val recent[1 << RECENT_BITS], sm_val x) {
    sm_val *at = &recent[(x * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - RECENT_BITS)];
    if (*at == x) return true;
    *at = x;
    return false;
}

void rec_fold_column(struct sm_dsvar *v, const struct sm_texts *t, const sm_val *x, size_t step,
                     uint32_t n) {
    sm_val recent[1 << RECENT_BITS] = {0}, last = SM_MISSING;
    for (uint32_t r = 0; r < n; r++, x += step) {
        if (*x == SM_MISSING || *x == last) continue;
        v->present = true;
        last = *x;
        const sm_val same = sm_val_is_dtc(last)
                                ? sm_val_of_packed(sm_dtc_packed_form(sm_val_packed(last)))
                                : last;
        if (!is_recent(recent, same)) rec_fold_value(v, t, same, v->is_num);
    }
}

bool rec_has_value(const sm_val *x, size_t step, uint32_t n) {
    for (; n; n--, x += step)
        if (*x != SM_MISSING) return true;
    return false;
}

void rec_begin_facts(struct sm_dsinfo *d) {
    for (uint32_t i = 0; i < d->nvar && d->rows == 0; i++)
        d->var[i].all_integer = d->var[i].all_ascii = d->var[i].all_number = true;
}

int sm_dsinfo_part_open(struct sm_dsinfo *ret, const struct sm_dsinfo *d, struct sm_err *err) {
    *ret = *d;
    ret->values = NULL;
    ret->var = sm_alloc(d->nvar ? d->nvar : 1, sizeof *ret->var);
    if (!ret->var) return sm_fail(err, SM_ENOMEM, "out of memory");
    memcpy(ret->var, d->var, d->nvar * sizeof *d->var);
    return SM_OK;
}

void sm_dsinfo_part_close(struct sm_dsinfo *part) {
    sm_free(part->var);
    *part = (struct sm_dsinfo){0};
}

static void merge_var(struct sm_dsvar *v, const struct sm_dsvar *part) {
    v->present = v->present || part->present;
    v->max_ascii = max32(v->max_ascii, part->max_ascii);
    v->max_bytes = max32(v->max_bytes, part->max_bytes);
    v->max_chars = max32(v->max_chars, part->max_chars);
    v->int_digits = max32(v->int_digits, part->int_digits);
    v->decimals = max32(v->decimals, part->decimals);
    v->all_integer = v->all_integer && part->all_integer;
    v->all_ascii = v->all_ascii && part->all_ascii;
    v->all_number = v->all_number && part->all_number;
    v->date_shapes |= part->date_shapes;
}

void sm_dsinfo_merge(struct sm_dsinfo *d, const struct sm_dsinfo *part) {
    if (part->rows == 0) return;
    rec_begin_facts(d);
    for (uint32_t i = 0; i < d->nvar; i++)
        if (!d->ahead || d->var[i].late) merge_var(&d->var[i], &part->var[i]);
    if (!d->ahead) d->rows += part->rows;
}

void sm_dsinfo_fold_values(struct sm_dsinfo *d, const struct sm_texts *t,
                           const struct sm_block *b) {
    if (d->values) rec_fold_by_value(d, t, b);
}

void sm_dsinfo_fold(struct sm_dsinfo *d, const struct sm_texts *t, const struct sm_block *b,
                    bool widths) {
    rec_begin_facts(d);
    for (uint32_t i = 0; i < d->nvar && widths; i++)
        if (!d->ahead || d->var[i].late)
            rec_fold_column(&d->var[i], t, b->cell + d->column[i], b->ncol, b->nrow);
    if (widths) sm_dsinfo_fold_values(d, t, b);
    if (!d->ahead) d->rows += b->nrow;
}
