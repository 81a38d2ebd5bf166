/* SPDX-License-Identifier: MIT */
#include <zlib.h>

#include "ct_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"

static int read_all(gzFile f, const char *path, char **ret, size_t *ret_n, struct sm_err *err) {
    size_t cap = 0, n = 0;
    char *p = NULL;
    int rc = sm_grow(&p, &cap, 8 * 1024 * 1024, 1, err);
    while (rc == SM_OK) {
        if (n == cap - 1) {
            rc = n > CT_FILE_MAX
                     ? sm_fail(err, SM_ELIMIT, "%s: larger than %d bytes", path, CT_FILE_MAX)
                     : sm_grow(&p, &cap, cap + 1, 1, err);
            continue;
        }
        size_t room = cap - 1 - n;
        int got = gzread(f, p + n, room > 1 << 30 ? 1u << 30 : (unsigned)room);
        if (got < 0) rc = sm_fail(err, SM_ESPEC, "%s: cannot be read or unpacked", path);
        if (got <= 0) break;
        n += (size_t)got;
    }
    if (rc != SM_OK) {
        sm_free(p);
        return rc;
    }
    p[n] = '\0';
    *ret = p;
    *ret_n = n;
    return SM_OK;
}

/* XML of whichever kind. */
static int load_xml(struct sm_ct *ct, const char *path, gzFile f, struct sm_err *err) {
    char *p = NULL;
    size_t n = 0;
    bool plain = false;
    int rc = sm_grow(&ct->text, &ct->textcap, ct->ntext + 1, sizeof(char *), err);
    if (rc == SM_OK) rc = read_all(f, path, &p, &n, err);
    if (rc != SM_OK) return rc;
    struct sm_str text = sm_str_n(p, n);
    if (sm_str_starts(text, SM_STR("\xEF\xBB\xBF"))) text = sm_str_n(p + 3, n - 3);
    rc = ct_load_plain(ct, text, &plain, err);
    if (rc == SM_OK && !plain) rc = ct_load_xml(ct, path, text, err);
    if (plain)
        ct->text[ct->ntext++] = p; /* terms are made of it, and point into it */
    else
        sm_free(p);
    return rc;
}

int sm_ct_load(struct sm_ct *ct, const char *path, struct sm_err *err) {
    char first[203];
    gzFile f = gzopen(path, "rb");
    if (!f) return sm_fail_sys(err, SM_ESPEC, "%s", path);
    gzbuffer(f, 32 * 1024);
    int rc, n = gzread(f, first, sizeof first);
    struct sm_str head = sm_str_n(first, n > 0 ? (size_t)n : 0);
    if (sm_str_starts(head, SM_STR("\xEF\xBB\xBF"))) head = sm_str_n(first + 3, head.n - 3);
    head = sm_str_trim(sm_str_n(head.p, head.n < 200 ? head.n : 200));
    if (n < 0 || gzrewind(f) != 0)
        rc = sm_fail(err, SM_ESPEC, "%s: cannot be read or unpacked", path);
    else if (head.n && head.p[0] == '<')
        rc = load_xml(ct, path, f, err);
    else
        rc = ct_load_text(ct, path, f, err);
    gzclose_r(f);
    return rc;
}
