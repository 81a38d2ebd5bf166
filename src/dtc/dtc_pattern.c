/* SPDX-License-Identifier: MIT */
#include "dtc/dtc_priv.h"
#include "sdtmill/err.h"

enum part { P_YEAR, P_MONTH, P_DAY, P_HOUR, P_MINUTE, P_SECOND, P_MERIDIAN, PART_COUNT };
enum step_kind { K_PART, K_LITERAL, K_EXCEL, K_ISO, K_END };
enum step_flag {
    F_FOUR = 1,      /* four digits */
    F_TWO = 2,       /* two digits */
    F_ONE = 4,       /* one digit without a digit on either side */
    F_ONE_FREE = 8,  /* one digit anywhere */
    F_NAME = 16,     /* a month name */
    F_FRACTION = 32, /* seconds may go on behind a point */
    F_MERIDIAN = 64
};

enum {
    STEPS_MAX = 24,
    ALTERNATIVES_MAX = 64,
    TEXT_MAX = 128,    /* longer texts fit no pattern */
    TRIALS_MAX = 1000, /* so many parts are tried in one text at most */
    READINGS_MAX = 12,
    FRACTION_MAX = 9,
    SERIAL_LAST = 2958465 /* 9999-12-31 */
};

struct step {
    uint8_t kind, part, flags;
    uint8_t blanks; /* with which the literal behind a part begins */
    struct sm_str literal;
};

struct alternative {
    const struct step *steps;
    bool has_meridian;
};

struct sm_dtc_pattern {
    const struct alternative *alternatives;
    size_t count;
    const struct sm_dtc_names *names;
    struct sm_str formats;
};

/* ---- compiling ---------------------------------------------------------------------------- */

struct form { /* how a run of a letter is read */
    uint8_t letter, run, part, flags;
};

static const struct form forms[] = {
    {'y', 1, P_YEAR, F_FOUR | F_TWO},
    {'y', 2, P_YEAR, F_TWO},
    {'y', 4, P_YEAR, F_FOUR},
    {'m', 1, P_MONTH, F_TWO | F_ONE | F_NAME},
    {'m', 2, P_MONTH, F_TWO},
    {'m', 3, P_MONTH, F_NAME},
    {'m', 4, P_MONTH, F_NAME},
    {'d', 1, P_DAY, F_TWO | F_ONE},
    {'d', 2, P_DAY, F_TWO | F_ONE},
    {'H', 1, P_HOUR, F_TWO | F_ONE_FREE},
    {'H', 2, P_HOUR, F_TWO | F_ONE},
    {'M', 1, P_MINUTE, F_TWO | F_ONE},
    {'M', 2, P_MINUTE, F_TWO | F_ONE},
    {'S', 1, P_SECOND, F_TWO | F_ONE | F_FRACTION},
    {'S', 2, P_SECOND, F_TWO | F_ONE | F_FRACTION},
    {'a', 1, P_MERIDIAN, F_MERIDIAN},
};

struct build {
    struct sm_arena *arena;
    struct sm_err *err;
    struct sm_str formats;
    const char *p, *end; /* of the alternative in work */
    char *literals;      /* room for every literal byte of the formats */
    size_t literals_used;
    struct step steps[STEPS_MAX + 1];
    size_t count;
    unsigned seen; /* bit per part */
    bool has_big_h, has_big_s;
};

static bool mistake(const struct build *b, const char *at, const char *what) {
    sm_fail(b->err, SM_ESPEC, "date format \"%.*s\": %s (position %zu)", SM_STR_FMT(b->formats),
            what, (size_t)(at - b->formats.p) + 1);
    return false;
}

static bool step_new(struct build *b, const char *at, struct step **ret) {
    if (b->count == STEPS_MAX) return mistake(b, at, "too many parts and literals");
    *ret = &b->steps[b->count++];
    **ret = (struct step){.kind = K_END};
    return true;
}

static bool add_literal(struct build *b, const char *at, char c) {
    struct step *last = b->count > 0 ? &b->steps[b->count - 1] : NULL;
    if (last == NULL || last->kind != K_LITERAL) {
        if (!step_new(b, at, &last)) return false;
        last->kind = K_LITERAL;
        last->literal = sm_str_n(b->literals + b->literals_used, 0);
    }
    b->literals[b->literals_used++] = c;
    ++last->literal.n;
    return true;
}

/* The letter a byte stands for, or 0 for a literal. h and s mean H and S where these do not occur,
 * so that both "hh:MM" and "HHhMM" say what their writer means. */
static char letter_of(const struct build *b, char c) {
    switch (c) {
    case 'y':
    case 'Y':
        return 'y';
    case 'd':
    case 'D':
        return 'd';
    case 'a':
    case 'A':
        return 'a';
    case 'm':
    case 'M':
    case 'H':
    case 'S':
        return c;
    case 'h':
        return b->has_big_h ? '\0' : 'H';
    case 's':
        return b->has_big_s ? '\0' : 'S';
    default:
        return '\0';
    }
}

static bool add_part(struct build *b, char letter) {
    const char *at = b->p;
    while (b->p < b->end && *b->p == *at)
        ++b->p;
    const size_t run = (size_t)(b->p - at);
    for (size_t i = 0; i < SM_ARRAY_LEN(forms); ++i) {
        const struct form *f = &forms[i];
        if (f->letter != (uint8_t)letter || f->run != run) continue;
        if ((b->seen >> f->part & 1) != 0)
            return mistake(b, at,
                           letter == 'm'   ? "the month occurs twice (minutes are MM)"
                           : letter == 'M' ? "the minutes occur twice (the month is mm)"
                                           : "a part occurs twice");
        b->seen |= 1u << f->part;
        struct step *s;
        if (!step_new(b, at, &s)) return false;
        *s = (struct step){.kind = K_PART, .part = f->part, .flags = f->flags};
        return true;
    }
    return mistake(b, at, "no part is written with so many of this letter");
}

static bool add_quoted(struct build *b) {
    const char *at = b->p++;
    if (b->p < b->end && *b->p == '\'') {
        ++b->p;
        return add_literal(b, at, '\'');
    }
    while (b->p < b->end) {
        const char c = *b->p++;
        if (c == '\'' && (b->p == b->end || *b->p != '\'')) return true;
        if (c == '\'') ++b->p;
        if (!add_literal(b, at, c)) return false;
    }
    return mistake(b, at, "a quote is not closed");
}

static bool add_next(struct build *b) {
    const char c = *b->p;
    if (c == '\'') return add_quoted(b);
    if (c == '\\') {
        if (++b->p == b->end) return mistake(b, b->p - 1, "nothing follows the backslash");
        ++b->p;
        return add_literal(b, b->p - 1, b->p[-1]);
    }
    const char letter = letter_of(b, c);
    if (letter != '\0') return add_part(b, letter);
    ++b->p;
    return add_literal(b, b->p - 1, c);
}

static bool parts_make_sense(const struct build *b, const char *at) {
    const unsigned date = 1u << P_YEAR | 1u << P_DAY, hour = 1u << P_HOUR;
    if (b->seen == 0) return mistake(b, at, "an alternative has no part of a date or time");
    if ((b->seen & 1u << P_MERIDIAN) != 0 && (b->seen & hour) == 0)
        return mistake(b, at, "am/pm without an hour");
    if ((b->seen & 1u << P_MINUTE) != 0 && (b->seen & date) != 0 && (b->seen & hour) == 0)
        return mistake(b, at, "minutes without an hour (M is the minute, m the month)");
    return true;
}

/* Where the alternative at p ends: at a bar that is not literal. Notes which capitals it has. */
static const char *alternative_end(struct build *b, const char *p, const char *end) {
    bool quoted = false;
    b->has_big_h = b->has_big_s = false;
    for (; p < end && (quoted || *p != '|'); ++p) {
        if (*p == '\'')
            quoted = !quoted;
        else if (*p == '\\' && !quoted && p + 1 < end)
            ++p;
        else if (!quoted) {
            b->has_big_h = b->has_big_h || *p == 'H';
            b->has_big_s = b->has_big_s || *p == 'S';
        }
    }
    return p;
}

static bool build_steps(struct build *b) {
    const struct sm_str whole = sm_str_n(b->p, (size_t)(b->end - b->p));
    b->count = 0;
    b->seen = 0;
    if (sm_str_eq_nocase(whole, SM_STR("excel")) || sm_str_eq_nocase(whole, SM_STR("iso"))) {
        b->steps[b->count++] = (struct step){.kind = whole.n == 3 ? K_ISO : K_EXCEL};
    } else {
        const char *at = b->p;
        while (b->p < b->end)
            if (!add_next(b)) return false;
        if (!parts_make_sense(b, at)) return false;
    }
    b->steps[b->count++] = (struct step){.kind = K_END};
    for (size_t i = 0; i + 1 < b->count; ++i) {
        const struct sm_str next = b->steps[i + 1].literal;
        while (b->steps[i].blanks < next.n && b->steps[i].blanks < TEXT_MAX &&
               sm_is_blank(next.p[b->steps[i].blanks]))
            ++b->steps[i].blanks;
    }
    return true;
}

static bool build_alternative(struct build *b, struct alternative *ret) {
    if (!build_steps(b)) return false;
    struct step *steps = sm_arena_array(b->arena, b->count, sizeof *steps);
    if (steps == NULL) {
        sm_fail(b->err, SM_ENOMEM, "no memory for a date format");
        return false;
    }
    memcpy(steps, b->steps, b->count * sizeof *steps);
    ret->steps = steps;
    ret->has_meridian = (b->seen & 1u << P_MERIDIAN) != 0;
    return true;
}

static size_t build_all(struct build *b, struct alternative alternatives[ALTERNATIVES_MAX]) {
    const char *p = b->formats.p, *const end = p + b->formats.n;
    size_t n = 0;
    for (;; ++p) {
        const char *stop = alternative_end(b, p, end);
        const struct sm_str s = sm_str_trim(sm_str_n(p, (size_t)(stop - p)));
        b->p = s.p;
        b->end = s.p + s.n;
        if (n == ALTERNATIVES_MAX) {
            mistake(b, p, "too many alternatives");
            return 0;
        }
        if (!build_alternative(b, &alternatives[n])) return 0;
        ++n;
        p = stop;
        if (p == end) return n;
    }
}

const struct sm_dtc_pattern *sm_dtc_pattern_compile(struct sm_arena *a, struct sm_str formats,
                                                    const char *locale, struct sm_err *err) {
    struct build b = {.arena = a, .err = err, .formats = formats};
    if (formats.p == NULL || formats.n == 0) {
        sm_fail(err, SM_ESPEC, "the date format is empty");
        return NULL;
    }
    const struct sm_dtc_names *names = sm_dtc_names_load(a, locale, err);
    if (names == NULL) return NULL;
    struct alternative alternatives[ALTERNATIVES_MAX];
    struct sm_dtc_pattern *ret = sm_arena_alloc(a, sizeof *ret);
    b.literals = sm_arena_alloc(a, formats.n);
    if (ret == NULL || b.literals == NULL) {
        sm_fail(err, SM_ENOMEM, "no memory for a date format");
        return NULL;
    }
    const size_t n = build_all(&b, alternatives);
    if (n == 0) return NULL;
    struct alternative *kept = sm_arena_array(a, n, sizeof *kept);
    if (kept == NULL) {
        sm_fail(err, SM_ENOMEM, "no memory for a date format");
        return NULL;
    }
    memcpy(kept, alternatives, n * sizeof *kept);
    *ret = (struct sm_dtc_pattern){.alternatives = kept,
                                   .count = n,
                                   .names = names,
                                   .formats = sm_arena_dup(a, formats)};
    return ret;
}

struct sm_str sm_dtc_pattern_formats(const struct sm_dtc_pattern *p) {
    return p->formats;
}

/* ---- running ------------------------------------------------------------------------------- */

struct run {
    const char *start, *end;
    const struct sm_dtc_names *names;
    struct sm_str unknown;
    uint64_t firsts; /* first bytes of the unknown tokens; 0 until they are wanted */
    int cutoff;
    int trials;
    bool has_meridian;
    unsigned bad; /* bit per part that holds an impossible number */
    int value[PART_COUNT];
    uint32_t frac;
    uint8_t frac_digits;
    struct sm_dtc found;
};

/* One way to read a part at a place of the text. */
struct reading {
    size_t n;
    int value;
    bool possible;
    uint8_t frac_digits;
    uint32_t frac;
};

static enum sm_dtc_fit match(struct run *r, const struct step *s, const char *p);

static inline int two_digits(const char *p) {
    return (p[0] - '0') * 10 + (p[1] - '0');
}

static size_t digits_at(const struct run *r, const char *p, size_t max) {
    size_t n = 0;
    while (n < max && p + n < r->end && sm_is_digit(p[n]))
        ++n;
    return n;
}

/* A four-digit year 0 is a filler, never a year somebody wrote down. */
static size_t read_year(const struct run *r, const struct step *s, const char *p,
                        struct reading *out) {
    const size_t digits = digits_at(r, p, 4);
    size_t n = 0;
    if (digits == 4 && (s->flags & F_FOUR) != 0) {
        const int year = two_digits(p) * 100 + two_digits(p + 2);
        out[n++] = (struct reading){.n = 4, .value = year, .possible = year > 0};
    }
    if (digits >= 2 && (s->flags & F_TWO) != 0) {
        const int year = two_digits(p);
        out[n++] = (struct reading){
            .n = 2, .value = year + (year <= r->cutoff ? 2000 : 1900), .possible = true};
    }
    return n;
}

static size_t read_number(const struct run *r, const struct step *s, const char *p,
                          struct reading *out) {
    static const struct {
        int8_t min, max;
    } ranges[PART_COUNT] = {[P_MONTH] = {1, 12},
                            [P_DAY] = {1, 31},
                            [P_HOUR] = {0, 23},
                            [P_MINUTE] = {0, 59},
                            [P_SECOND] = {0, 59}};
    const int min = ranges[s->part].min, max = ranges[s->part].max;
    const size_t digits = digits_at(r, p, 2);
    size_t n = 0;
    if (digits == 2 && (s->flags & F_TWO) != 0) {
        const int value = two_digits(p);
        out[n++] =
            (struct reading){.n = 2, .value = value, .possible = value >= min && value <= max};
    }
    const bool alone = digits == 1 && (p == r->start || !sm_is_digit(p[-1]));
    if (digits > 0 && ((s->flags & F_ONE_FREE) != 0 || (alone && (s->flags & F_ONE) != 0))) {
        const int value = *p - '0';
        out[n++] = (struct reading){.n = 1, .value = value, .possible = value >= min};
    }
    return n;
}

/* Trailing zeros are how a database writes what nobody measured; more than nine digits that matter
 * cannot be kept. */
static bool read_fraction(const struct run *r, const char *p, struct reading *with) {
    if (p == r->end || *p != '.') return false;
    const char *stop = p + 1;
    while (stop < r->end && sm_is_digit(*stop))
        ++stop;
    with->n += (size_t)(stop - p);
    while (stop[-1] == '0')
        --stop;
    if (stop - p - 1 > FRACTION_MAX) return false;
    for (const char *q = p + 1; q < stop; ++q)
        with->frac = with->frac * 10 + (uint32_t)(*q - '0');
    with->frac_digits = (uint8_t)(stop - p - 1);
    return true;
}

static size_t read_second(const struct run *r, const struct step *s, const char *p,
                          struct reading *out) {
    struct reading plain[2];
    const size_t count = read_number(r, s, p, plain);
    size_t n = 0;
    for (size_t i = 0; i < count; ++i) {
        out[n] = plain[i];
        if (read_fraction(r, p + plain[i].n, &out[n])) ++n;
        out[n++] = plain[i];
    }
    return n;
}

static size_t read_name(const struct run *r, const char *p, struct reading *out) {
    if (p == r->end) return 0;
    const size_t bucket = (unsigned char)*p % SM_DTC_NAME_BUCKETS;
    const size_t room = (size_t)(r->end - p);
    size_t n = 0;
    for (size_t i = r->names->start[bucket]; i < r->names->start[bucket + 1]; ++i) {
        const struct sm_dtc_name *name = &r->names->names[i];
        if (name->n > room || !sm_dtc_same_nocase(p, name->p, name->n)) continue;
        struct reading found = {.n = name->n, .value = name->month, .possible = true};
        if (n + 2 > READINGS_MAX) break;
        if (name->n < room && p[name->n] == '.') {
            ++found.n;
            out[n++] = found;
            --found.n;
        }
        out[n++] = found;
    }
    return n;
}

static size_t read_meridian(const struct run *r, const char *p, struct reading *out) {
    static const char *const marks[] = {"a.m.", "p.m.", "am", "pm", "a", "p"};
    size_t n = 0;
    for (size_t i = 0; i < SM_ARRAY_LEN(marks); ++i) {
        const size_t length = strlen(marks[i]);
        if (length <= (size_t)(r->end - p) && sm_dtc_same_nocase(p, marks[i], length))
            out[n++] = (struct reading){.n = length, .value = (int)(i % 2), .possible = true};
    }
    return n;
}

static size_t read_part(const struct run *r, const struct step *s, const char *p,
                        struct reading *out) {
    size_t n = 0;
    if (s->part == P_YEAR) return read_year(r, s, p, out);
    if (s->part == P_MERIDIAN) return read_meridian(r, p, out);
    if ((s->flags & F_FRACTION) != 0) return read_second(r, s, p, out);
    if ((s->flags & (F_TWO | F_ONE | F_ONE_FREE)) != 0) n = read_number(r, s, p, out);
    if (n == 0 && (s->flags & F_NAME) != 0) n = read_name(r, p, out);
    return n;
}

/* Bytes that differ in case only share a bit. */
static inline uint64_t first_bit(char c) {
    return (uint64_t)1 << (((unsigned char)c | 32u) & 63u);
}

static uint64_t token_firsts(struct sm_str tokens) {
    uint64_t firsts = 0;
    bool at_start = true;
    for (size_t i = 0; i < tokens.n; ++i) {
        if (at_start) firsts |= first_bit(tokens.p[i]);
        at_start = tokens.p[i] == '|';
    }
    return firsts;
}

/* The longest listed token at p that is shorter than `below`; 0 if there is none. */
static size_t token_at(struct run *r, const char *p, size_t below) {
    const size_t room = (size_t)(r->end - p);
    if (r->firsts == 0) r->firsts = token_firsts(r->unknown);
    if (room == 0 || (r->firsts & first_bit(*p)) == 0) return 0;
    struct sm_str rest = r->unknown, token;
    size_t best = 0;
    while (sm_str_split(&rest, '|', &token))
        if (token.n > best && token.n < below && token.n <= room &&
            sm_dtc_same_nocase(p, token.p, token.n))
            best = token.n;
    return best;
}

static enum sm_dtc_fit take(struct run *r, const struct step *s, const char *p,
                            const struct reading *x) {
    const unsigned bit = 1u << s->part;
    r->value[s->part] = x->value;
    r->bad = x->possible ? r->bad & ~bit : r->bad | bit;
    if (s->part == P_SECOND) {
        r->frac = x->frac;
        r->frac_digits = x->frac_digits;
    }
    return match(r, s + 1, p + x->n);
}

/* A token, or blanks where the part would stand (as many as the literal behind it leaves). */
static enum sm_dtc_fit take_unknown(struct run *r, const struct step *s, const char *p) {
    struct reading x = {.value = SM_DTC_UNKNOWN, .possible = true};
    enum sm_dtc_fit best = SM_DTC_NO_FIT;
    for (size_t n = token_at(r, p, SIZE_MAX); n > 0; n = token_at(r, p, n)) {
        x.n = n;
        const enum sm_dtc_fit fit = take(r, s, p, &x);
        if (fit == SM_DTC_FITS) return fit;
        if (fit == SM_DTC_IMPOSSIBLE) best = fit;
    }
    size_t blanks = 0;
    while (p + blanks < r->end && sm_is_blank(p[blanks]))
        ++blanks;
    if (blanks <= s->blanks) return best;
    x.n = blanks - s->blanks;
    const enum sm_dtc_fit fit = take(r, s, p, &x);
    return fit == SM_DTC_NO_FIT ? best : fit;
}

/* What can be a value is one; else what is listed as unknown is that; else an impossible number
 * still has the shape. 9999 is a year only where it is not listed. */
static enum sm_dtc_fit match_part(struct run *r, const struct step *s, const char *p) {
    struct reading readings[READINGS_MAX];
    const size_t n = read_part(r, s, p, readings);
    const bool may_be_unknown = r->unknown.n > 0;
    enum sm_dtc_fit best = SM_DTC_NO_FIT;
    if (n > 0 && s->part == P_YEAR && readings[0].value == 9999 && may_be_unknown) {
        best = take_unknown(r, s, p);
        if (best != SM_DTC_NO_FIT) return best;
    }
    for (size_t i = 0; i < n; ++i) {
        const enum sm_dtc_fit fit =
            readings[i].possible ? take(r, s, p, &readings[i]) : SM_DTC_NO_FIT;
        if (fit == SM_DTC_FITS) return fit;
        if (fit == SM_DTC_IMPOSSIBLE) best = fit;
    }
    if (best == SM_DTC_NO_FIT && may_be_unknown) best = take_unknown(r, s, p);
    for (size_t i = 0; i < n && best == SM_DTC_NO_FIT; ++i)
        if (!readings[i].possible) best = take(r, s, p, &readings[i]);
    return best;
}

/* False if the hour is none of a 12-hour clock. */
static bool hour_of_day(const struct run *r, int *ret) {
    const int hour = r->value[P_HOUR], pm = r->value[P_MERIDIAN];
    *ret = hour;
    if (!r->has_meridian || hour == SM_DTC_UNKNOWN) return true;
    *ret = pm == SM_DTC_UNKNOWN ? SM_DTC_UNKNOWN : hour % 12 + pm * 12;
    return hour >= 1 && hour <= 12;
}

static enum sm_dtc_fit finish(struct run *r) {
    int hour;
    if (r->bad != 0 || !hour_of_day(r, &hour)) return SM_DTC_IMPOSSIBLE;
    struct sm_dtc d = sm_dtc_none;
    d.year = (int16_t)r->value[P_YEAR];
    d.month = (int8_t)r->value[P_MONTH];
    d.day = (int8_t)r->value[P_DAY];
    d.hour = (int8_t)hour;
    d.minute = (int8_t)r->value[P_MINUTE];
    d.second = (int8_t)r->value[P_SECOND];
    if (d.second != SM_DTC_UNKNOWN) {
        d.frac = r->frac;
        d.frac_digits = r->frac_digits;
    }
    if (!sm_dtc_date_possible(&d)) return SM_DTC_IMPOSSIBLE;
    r->found = d;
    return SM_DTC_FITS;
}

static enum sm_dtc_fit match(struct run *r, const struct step *s, const char *p) {
    for (; s->kind == K_LITERAL; ++s) {
        const size_t n = s->literal.n;
        if ((size_t)(r->end - p) < n || memcmp(p, s->literal.p, n) != 0) return SM_DTC_NO_FIT;
        p += n;
    }
    if (s->kind == K_END) return p == r->end ? finish(r) : SM_DTC_NO_FIT;
    if (r->trials == TRIALS_MAX) return SM_DTC_NO_FIT;
    ++r->trials;
    return match_part(r, s, p);
}

/* Seconds of the day in a decimal fraction, rounded half up. Thirteen digits are more than a
 * spreadsheet keeps; less than five do not tell seconds, and are rounded to the minute, but never
 * into the next day. False where a byte is no digit. */
static bool serial_seconds(struct sm_str digits, uint64_t *ret) {
    uint64_t value = 0, unit = 1;
    for (size_t i = 0; i < digits.n; ++i) {
        if (!sm_is_digit(digits.p[i])) return false;
        if (i < 13) {
            value = value * 10 + (uint64_t)(digits.p[i] - '0');
            unit *= 10;
        }
    }
    if (digits.n >= 5) {
        *ret = (value * 86400 * 2 + unit) / (unit * 2);
        return true;
    }
    const uint64_t minutes = (value * 1440 * 2 + unit) / (unit * 2);
    *ret = (minutes < 1440 ? minutes : 1439) * 60;
    return true;
}

static bool all_zeros(struct sm_str s) {
    size_t n = 0;
    while (n < s.n && s.p[n] == '0')
        ++n;
    return n == s.n;
}

/* The 1900 system counts 1900-01-01 as day 1 and has a 29 February 1900 as day 60; day 0 holds the
 * times without a date. */
static enum sm_dtc_fit match_excel(struct sm_str text, struct sm_dtc *ret) {
    const size_t point = sm_str_find_byte(text, '.', 0);
    const size_t whole = point == SIZE_MAX ? text.n : point;
    const struct sm_str fraction =
        point == SIZE_MAX ? sm_str_n(text.p, 0) : sm_str_n(text.p + point + 1, text.n - point - 1);
    uint64_t serial, seconds;
    if (whole == 0 || (point != SIZE_MAX && fraction.n == 0) ||
        !serial_seconds(fraction, &seconds) || !sm_str_to_u64(sm_str_n(text.p, whole), &serial))
        return SM_DTC_NO_FIT;
    const bool has_time = !all_zeros(fraction);
    const bool next_day = seconds == 86400;
    if (serial == 60 || serial > SERIAL_LAST || (serial == 0 && (!has_time || next_day)))
        return SM_DTC_IMPOSSIBLE;
    struct sm_dtc d = sm_dtc_none;
    if (serial > 0) {
        const int32_t zero = sm_dtc_days_from_civil(1899, 12, serial < 60 ? 31 : 30);
        int32_t year;
        int month, day;
        sm_dtc_civil_from_days(zero + (int32_t)serial + (next_day ? 1 : 0), &year, &month, &day);
        if (year > 9999) return SM_DTC_IMPOSSIBLE;
        d.year = (int16_t)year;
        d.month = (int8_t)month;
        d.day = (int8_t)day;
    }
    if (has_time) {
        seconds %= 86400;
        d.hour = (int8_t)(seconds / 3600);
        d.minute = (int8_t)(seconds / 60 % 60);
        if (seconds % 60) d.second = (int8_t)(seconds % 60);
    }
    *ret = d;
    return SM_DTC_FITS;
}

static enum sm_dtc_fit match_alternative(struct run *r, const struct alternative *a,
                                         struct sm_str text) {
    if (a->steps[0].kind == K_ISO) return sm_dtc_scan(text, &r->found);
    if (a->steps[0].kind == K_EXCEL) return match_excel(text, &r->found);
    for (int i = 0; i < PART_COUNT; ++i)
        r->value[i] = SM_DTC_UNKNOWN;
    r->bad = 0;
    r->trials = 0;
    r->has_meridian = a->has_meridian;
    return match(r, a->steps, r->start);
}

static bool is_blank_only(struct sm_str s) {
    size_t n = 0;
    while (n < s.n && sm_is_blank(s.p[n]))
        ++n;
    return n == s.n;
}

static struct run run_start(const struct sm_dtc_pattern *p, const struct sm_dtc_rules *rules,
                            struct sm_str text) {
    static const struct sm_dtc_rules no_rules = {.unknown = {NULL, 0}, .century_cutoff = 68};
    const struct sm_dtc_rules *u = rules == NULL ? &no_rules : rules;
    struct run r;
    r.start = text.p;
    r.end = text.p + text.n;
    r.names = p->names;
    r.unknown = u->unknown;
    r.firsts = 0;
    r.cutoff = u->century_cutoff;
    /* cppcheck-suppress uninitvar ; each alternative sets the rest before it reads it */
    return r;
}

enum sm_dtc_fit sm_dtc_pattern_run(const struct sm_dtc_pattern *p, const struct sm_dtc_rules *rules,
                                   struct sm_str text, struct sm_dtc *ret) {
    *ret = sm_dtc_none;
    if (text.p == NULL || text.n > TEXT_MAX || is_blank_only(text)) return SM_DTC_NO_FIT;
    struct run r = run_start(p, rules, text);
    enum sm_dtc_fit best = SM_DTC_NO_FIT;
    for (size_t i = 0; i < p->count; ++i) {
        const enum sm_dtc_fit fit = match_alternative(&r, &p->alternatives[i], text);
        if (fit == SM_DTC_FITS) {
            *ret = r.found;
            return fit;
        }
        if (fit == SM_DTC_IMPOSSIBLE) best = fit;
    }
    if (r.unknown.n > 0 && token_at(&r, text.p, SIZE_MAX) == text.n) return SM_DTC_FITS;
    return best;
}

bool sm_dtc_pattern_other(const struct sm_dtc_pattern *p, const struct sm_dtc_rules *rules,
                          struct sm_str text, const struct sm_dtc *taken, struct sm_dtc *ret) {
    char mine[SM_DTC_TEXT_MAX], other[SM_DTC_TEXT_MAX];
    if (p->count < 2 || text.p == NULL || text.n > TEXT_MAX || is_blank_only(text)) return false;
    const size_t n = sm_dtc_format(taken, mine);
    struct run r = run_start(p, rules, text);
    for (size_t i = 0; i < p->count; ++i) {
        if (match_alternative(&r, &p->alternatives[i], text) != SM_DTC_FITS) continue;
        const size_t k = sm_dtc_format(&r.found, other);
        *ret = r.found;
        if (k != n || memcmp(mine, other, n) != 0) return true;
    }
    return false;
}
