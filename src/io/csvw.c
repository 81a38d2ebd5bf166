/* SPDX-License-Identifier: MIT */
#include "sdtmill/csvw.h"

bool sm_csv_plain(struct sm_str s) {
    if (s.n == 0) return true;
    if (sm_is_blank(s.p[0]) || sm_is_blank(s.p[s.n - 1])) return false;
    uint64_t w = 0;
    if (s.n < 8) {
        memcpy(&w, s.p, s.n);
        return !sm_csv_word_special(w);
    }
    for (size_t i = 0; i + 8 < s.n; i += 8) {
        memcpy(&w, s.p + i, 8);
        if (sm_csv_word_special(w)) return false;
    }
    memcpy(&w, s.p + s.n - 8, 8);
    return !sm_csv_word_special(w);
}

char *sm_csv_put_quoted(char *p, struct sm_str s) {
    *p++ = '"';
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"') *p++ = '"';
        *p++ = s.p[i];
    }
    *p++ = '"';
    return p;
}

void sm_csvw_cell(struct sm_sink *k, struct sm_str s, char end) {
    if (sm_csv_plain(s)) {
        sm_sink_write(k, s.p, s.n);
        sm_sink_write(k, &end, 1);
        return;
    }
    char *p = sm_sink_reserve(k, 2 * s.n + 3), *q = p;
    if (!p) return;
    q = sm_csv_put_quoted(q, s);
    *q++ = end;
    sm_sink_used(k, (size_t)(q - p));
}
