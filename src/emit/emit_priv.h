/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_EMIT_PRIV_H
#define SDTMILL_EMIT_PRIV_H
/* emit_priv.h - what the back ends share: cells to text at speed, and findings about cells. */
#include "sdtmill/emit.h"

extern const struct sm_emit_ops emit_csv, emit_dsxml, emit_xpt, emit_json, emit_ndjson, emit_dsjc, emit_define;

/* Program version, for what the formats call the source system. */
struct sm_str emit_version(void);

/* ---- the front end -------------------------------------------------------------------------------
 */
enum emit_phase { EMIT_READY, EMIT_ROWS, EMIT_FINISHED, EMIT_FAILED };
/* The call is refused unless the emitter is in this phase; until leave(), it counts as failed. */
int emit_enter(struct sm_emitter *e, enum emit_phase want, const char *call,
               struct sm_err *err) SM_MUST_CHECK;
int emit_leave(struct sm_emitter *e, enum emit_phase next, int rc,
               struct sm_err *err) SM_MUST_CHECK;

/* ---- texts ------------------------------------------------------------------------------------- */
/* An inline value left-justified in eight bytes, and how many zeros are behind the text: 1 to 7. */
static inline unsigned emit_short(sm_val v, uint64_t *ret_left) {
    *ret_left = v << 8; /* never 0 */
    return (unsigned)__builtin_ctzll(*ret_left) >> 3;
}
/* By that number: words to put something behind the text, made of what makes the word for a text of
 * n bytes. */
#define EMIT_BEHIND(make) {0, make(7), make(6), make(5), make(4), make(3), make(2), make(1)}
#define EMIT_FILL(byte, n) UINT64_C(0x0101010101010101) * (byte) >> 8 * (n)
/* So that a test of all eight bytes sees nothing but the text. */
#define EMIT_LETTERS(n) EMIT_FILL('a', n)
#define EMIT_COMMA(n) (uint64_t)',' << (56 - 8 * (n))
static const uint64_t emit_letters[8] = EMIT_BEHIND(EMIT_LETTERS), emit_comma[8] = EMIT_BEHIND(EMIT_COMMA);
static inline void emit_store_left(char *p, uint64_t left) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    left = __builtin_bswap64(left);
#endif
    memcpy(p, &left, 8);
}
/* What a format writes for a value, ready to be copied, by value. Each back end says what `mark` tells
 * it; EMIT_READY_ALL = text holds all of it. Behind it are blanks. */
enum { EMIT_READY_BITS = 10, EMIT_READY_TEXT = 48, EMIT_READY_ALL = 0 };
struct emit_ready {
    sm_val v;
    uint32_t n, mark;
    char text[EMIT_READY_TEXT];
};
struct emit_ready_memo {
    struct emit_ready ready[1 << EMIT_READY_BITS];
};
/* The place of a value, which holds it already if its v is the same; v is never SM_MISSING. */
static inline struct emit_ready *emit_ready_at(struct emit_ready_memo *m, sm_val v) {
    return &m->ready[v * UINT64_C(0x9E3779B97F4A7C15) >> (64 - EMIT_READY_BITS)];
}
static inline void emit_ready_clear(struct emit_ready *r, sm_val v, uint32_t mark) {
    r->v = v;
    r->n = 0;
    r->mark = mark;
    memset(r->text, ' ', sizeof r->text);
}
/* Copies the text, and some of what is behind it: p has room for EMIT_READY_TEXT bytes. */
static inline char *emit_ready_put(char *p, const struct emit_ready *r) {
    memcpy(p, r->text, sizeof r->text); /* cheaper than to ask how much of it */
    return p + r->n;
}

/* ---- phrases -----------------------------------------------------------------------------------
 * Neighbouring variables whose values come together again and again, such as code, name and category
 * of a test, are written with one copy of what was written for them before. */
enum { EMIT_PHRASE_CELLS = 4, EMIT_PHRASE_TEXT = 88, EMIT_PHRASE_BITS = 10, EMIT_PHRASES_MOST = 128 };
struct emit_phrase {                                /* or one variable alone */
    uint32_t cells, column[EMIT_PHRASE_CELLS]; /* in a block; behind the last one, the first again */
};
struct emit_phrases { /* zeroed: nothing is known */
    uint32_t n;       /* phrases, all variables of the dataset in their order; 0 = none are known */
    uint32_t nvar, blocks, rows;
    uint32_t missed; /* phrases whose text was not known: whoever writes counts them */
    uint8_t cells[EMIT_PHRASES_MOST];
    struct emit_phrase phrase[EMIT_PHRASES_MOST];
};
/* Before a block is written: phrases as they stand in it. Looks at some blocks to find them. What is
 * known of one dataset does no harm to another. */
void emit_phrases_set(struct emit_phrases *s, const struct sm_dsinfo *ds, const struct sm_block *b);
struct emit_phrase_text {
    sm_val v[EMIT_PHRASE_CELLS]; /* as a struct emit_phrase names them */
    uint32_t cells, n;
    char text[EMIT_PHRASE_TEXT];
};
struct emit_phrase_memo {
    struct emit_phrase_text text[1 << EMIT_PHRASE_BITS];
};
/* The place of a phrase of a row, and in *ret_hit whether it holds it. */
static inline struct emit_phrase_text *emit_phrase_at(struct emit_phrase_memo *m,
                                                      const struct emit_phrase *f,
                                                      const sm_val *row, bool *ret_hit) {
    const sm_val a = row[f->column[0]], b = row[f->column[1]], c = row[f->column[2]],
                 d = row[f->column[3]];
    const uint64_t sum = a + (b >> 21 | b << 43) + ((c >> 42 | c << 22) + (d >> 11 | d << 53));
    struct emit_phrase_text *t =
        &m->text[sum * UINT64_C(0x9E3779B97F4A7C15) >> (64 - EMIT_PHRASE_BITS)];
    *ret_hit = ((a ^ t->v[0]) | (b ^ t->v[1]) | (c ^ t->v[2]) | (d ^ t->v[3]) |
                (f->cells ^ t->cells)) == 0;
    return t;
}

/* ---- parts ------------------------------------------------------------------------------------- */
enum { EMIT_PARTS_MOST = 999 };
/* The dataset goes on in another file. The first call makes the file that was begun, and is thrown
 * away, part 1; each later one closes a part of that many records and opens the next. The parts are
 * reported when the dataset is complete, and all removed if it is refused. */
int emit_part_next(struct sm_emitter *e, uint64_t rows, struct sm_err *err) SM_MUST_CHECK;

#define EMIT_NO_VAR UINT32_MAX

/* ---- formatting apart ----------------------------------------------------------------------------
 */
/* nrow records are to be formatted, and each has a number. */
int emit_numbers_reserve(struct sm_emitter *e, uint32_t nrow, struct sm_err *err) SM_MUST_CHECK;
struct emit_counter { /* a number and its digits; zeroed is none */
    uint64_t value;
    uint32_t n;
    char text[20];
};
/* Sets it; cheap if the value is one more than before. */
void emit_counter_set(struct emit_counter *c, uint64_t value);
/* Writes the number of a record to p, which has room for 20 bytes, or leaves a place for it. `at` is
 * how far that is from the end of what is in the sink. */
char *emit_number_put(struct sm_emitter *e, struct emit_counter *c, char *p, size_t at);
/* What was found while formatting apart, reported now. */
void emit_notes_report(struct sm_emitter *e, struct sm_emit_apart *a);

/* ---- findings ---------------------------------------------------------------------------------- */
struct emit_breach {
    enum sm_diag_code code;
    uint32_t var;                  /* index in the dataset, or EMIT_NO_VAR for the dataset itself */
    const struct sm_block *block;  /* and row: where the cell is; NULL for names and labels */
    uint32_t row;
    enum sm_effect effect;
    struct sm_str value;
    const char *what;              /* end of the sentence, after "record 12: " */
    const char *mend;              /* NULL = the code's own */
};
void emit_report(struct sm_emitter *e, const struct emit_breach *b);
/* What a format can hold, in bytes. Names also begin with a letter or _, hold nothing else but digits,
 * and differ in more than case. */
struct emit_limits {
    uint32_t name, label, text, vars;
};
/* A finding for every name, label and declared length of the dataset beyond the limits, and refused
 * set if there is one. */
int emit_check_names(struct sm_emitter *e, const struct emit_limits *l, struct sm_err *err) SM_MUST_CHECK;
/* Bytes before the first one that is no printable ASCII; n of the text if there is none. */
uint32_t emit_ascii_length(struct sm_str s);
/* The same for eight bytes: all of them are. */
static inline bool emit_word_ascii(uint64_t w) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    return !((w | (w - ones * 0x20) | (w + ones)) & tops);
}
/* Findings about a cell: `place` has variable, record and value, the rest is said here. The file is refused. */
void emit_report_not_ascii(struct sm_emitter *e, const struct emit_breach *place);
void emit_report_too_long(struct sm_emitter *e, const struct emit_breach *place, uint32_t most, bool declared);
/* Says how many more there were, if not all were listed. */
void emit_report_rest(struct sm_emitter *e);

/* ---- types ------------------------------------------------------------------------------------- */
/* DataType of a variable in the words of Define-XML 2.1, from its facts: text integer float date time
 * datetime partialDate partialDatetime incompleteDatetime durationDatetime. */
const char *emit_data_type(const struct sm_dsvar *v);
#endif
