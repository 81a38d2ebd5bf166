/* SPDX-License-Identifier: MIT */
#include "sdtmill/err.h"

#include <errno.h>

#include "sdtmill/str.h"
#include "sdtmill/utf8.h"

/* As much of add as fits behind the text. */
static void err_append(char *text, size_t size, const char *add) {
    size_t at = strlen(text), n = strlen(add);
    if (n > size - 1 - at) n = size - 1 - at;
    memcpy(text + at, add, n);
    text[at + n] = '\0';
}

/* Messages quote hostile input: nothing in them may move a terminal's cursor or end the line. */
static void err_tidy(char *text) {
    bool cut = false;
    size_t bad = sm_utf8_invalid(sm_str(text), &cut);
    if (bad != SIZE_MAX && cut) text[bad] = '\0';
    for (char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '\n' || c == '\r' || c == '\t') *p = ' ';
        else if (c < 0x20 || c == 0x7f) *p = '?';
    }
}

SM_PRINTF(4, 0)
static int err_set(struct sm_err *err, enum sm_rc code, int sys, const char *fmt, va_list ap) {
    if (err == NULL) return (int)code;
    if (err->code != SM_OK) return (int)err->code;
    err->code = code;
    err->sys = sys;
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    if (n < 0) err->text[0] = '\0';
    if (sys != 0) {
        char why[128];
        if (strerror_r(sys, why, sizeof why) != 0) snprintf(why, sizeof why, "error %d", sys);
        err_append(err->text, sizeof err->text, ": ");
        err_append(err->text, sizeof err->text, why);
    }
    err_tidy(err->text);
    return (int)code;
}

int sm_fail(struct sm_err *err, enum sm_rc code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int rc = err_set(err, code, 0, fmt, ap);
    va_end(ap);
    return rc;
}

int sm_fail_sys(struct sm_err *err, enum sm_rc code, const char *fmt, ...) {
    int sys = errno;
    va_list ap;
    va_start(ap, fmt);
    int rc = err_set(err, code, sys, fmt, ap);
    va_end(ap);
    return rc;
}

int sm_err_ctx(struct sm_err *err, const char *fmt, ...) {
    if (err == NULL || err->code == SM_OK) return SM_OK;
    char text[sizeof err->text];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) text[0] = '\0';
    err_append(text, sizeof text, ": ");
    err_append(text, sizeof text, err->text);
    memcpy(err->text, text, sizeof text);
    err_tidy(err->text);
    return (int)err->code;
}

void sm_err_reset(struct sm_err *err) {
    err->code = SM_OK;
    err->sys = 0;
    err->text[0] = '\0';
}
