/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_ERR_H
#define SDTMILL_ERR_H
/* err.h - one failure: why work cannot go on. The caller owns the object (usually on its stack)
 * and passes it down; the lowest level says what failed, each caller that knows more prepends
 * where. The first failure wins: setting an error on an object that holds one changes nothing.
 * Control characters in a message become blanks or question marks. err may be NULL everywhere but
 * in sm_err_reset: nobody wants to know. */
#include "sdtmill/common.h"

struct sm_err {
    enum sm_rc code;
    int sys;          /* errno at the time, or 0 */
    char text[1024];  /* one line, no newline at the end */
};

/* Sets the failure and returns its code, so that callers can write `return sm_fail(...)`. */
int sm_fail(struct sm_err *err, enum sm_rc code, const char *fmt, ...) SM_PRINTF(3, 4);
/* Like sm_fail, with ": <text of errno>" appended and errno kept in sys. */
int sm_fail_sys(struct sm_err *err, enum sm_rc code, const char *fmt, ...) SM_PRINTF(3, 4);
/* Prepends "<context>: " to a set failure; returns its code (SM_OK if none is set). */
int sm_err_ctx(struct sm_err *err, const char *fmt, ...) SM_PRINTF(2, 3);
/* Back to "no failure". */
void sm_err_reset(struct sm_err *err);
#endif
