/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_MODEL_PRIV_H
#define SDTMILL_MODEL_PRIV_H
/* model_priv.h - a standard written as plain XML, read without a tree. */
#include "sdtmill/model.h"

/* Reads the text of a whole file, which must stay and is written into. *ret_is tells whether it is
 * plain and without any mistake: if not, nothing was said and libxml2's tree has to judge.
 * SM_ENOMEM only. */
int model_load_plain(struct sm_model *model, char *text, size_t n, struct sm_arena *a, bool *ret_is,
                     struct sm_err *err);
#endif
