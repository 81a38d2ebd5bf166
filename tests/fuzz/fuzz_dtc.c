/* SPDX-License-Identifier: MIT */
/* First byte: which format; the rest: the text. Formats and rules are the ones of real sites, and
 * one that is made to be ambiguous; the last number compiles the text itself as a format. */
#include "sdtmill/arena.h"
#include "sdtmill/dtc.h"
#include "sdtmill/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *format, *locale, *unknown;
} sites[] = {
    {"iso", NULL, NULL},
    {"excel|iso|dd/mm/yyyy", NULL, "UN|UNK"},
    {"yyyy-mm-dd|yyyy-mm|yyyy", "en", "--"},
    {"dd.mm.yyyy HH:MM:SS|dd.mm.yyyy", "de", "00|0000|xx"},
    {"d. mmm yyyy|ddmmmyyyy:HH:MM", "fi", "UN|UNK|NA"},
    {"dd-mmm-yyyy", "es", "?\?|?\?\?"},
    {"m/d/y h:MM:SS a|m/d/y", "fr", "U|UN|UNK|99|9999"},
    {"dmyHMS|d m y H M S", NULL, "U|UU|UUU|UUUU| |0|00"},
};

static void must(bool holds) {
    if (!holds) __builtin_trap();
}

static void check_value(const struct sm_dtc *d) {
    char text[SM_DTC_TEXT_MAX], again[SM_DTC_TEXT_MAX];
    struct sm_dtc e;
    uint64_t packed;
    const size_t n = sm_dtc_format(d, text);
    if (n == 0) return;
    must(sm_dtc_parse(sm_str_n(text, n), &e) && memcmp(d, &e, sizeof e) == 0);
    if (!sm_dtc_pack(d, &packed)) return;
    must(packed != 0 && packed >> 62 == 0);
    must(sm_dtc_format_packed(packed, again) == n && memcmp(text, again, n) == 0);
    must(sm_dtc_contains(d, &e) && sm_dtc_compare_common(d, &e) != SM_BEFORE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    const size_t which = data[0] % (SM_ARRAY_LEN(sites) + 1);
    const struct sm_str text = sm_str_n((const char *)data + 1, size - 1);
    const bool own = which == SM_ARRAY_LEN(sites);
    struct sm_arena a = {0};
    struct sm_err err = {0};
    struct sm_dtc d;
    const struct sm_dtc_pattern *p = sm_dtc_pattern_compile(
        &a, own ? text : sm_str(sites[which].format), own ? NULL : sites[which].locale, &err);
    must(p != NULL || (own && err.code == SM_ESPEC));
    const struct sm_dtc_rules rules = {.unknown = sm_str(own ? "UN" : sites[which].unknown),
                                       .century_cutoff = 68};
    if (p != NULL && sm_dtc_pattern_run(p, &rules, text, &d) == SM_DTC_FITS) check_value(&d);
    if (sm_dtc_parse(text, &d)) check_value(&d);
    sm_arena_free(&a);
    return 0;
}
