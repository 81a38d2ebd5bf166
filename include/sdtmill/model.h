/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_MODEL_H
#define SDTMILL_MODEL_H
/* model.h - a standard (SDTMIG 3.4 ...) read from mappings/standards: datasets, variables, keys. */
#include "sdtmill/arena.h"
#include "sdtmill/str.h"

struct sm_model_var {
    struct sm_str name, label, role, core; /* core: Req Exp Perm */
    struct sm_str codelist;                /* blank-separated NCI codes, or none */
    struct sm_str values; /* described value domain: "ISO 8601 datetime or interval" ... */
    bool is_num;
    uint32_t order; /* 1-based in the dataset */
};
struct sm_model_ds {
    struct sm_str name, label, cls, structure;
    struct sm_str keys; /* blank-separated variable names */
    bool repeating, reference;
    const struct sm_model_var *var;
    uint32_t nvar;
};
struct sm_model {
    struct sm_str name, version; /* "SDTMIG", "3.4" */
    const struct sm_model_ds *ds;
    uint32_t nds;
};
/* Reads the file; everything lives in the arena. SM_ESPEC with file:line on any mistake. */
int sm_model_load(const struct sm_model **ret, const char *path, struct sm_arena *a,
                  struct sm_err *err) SM_MUST_CHECK;
const struct sm_model_ds *sm_model_find(const struct sm_model *m, struct sm_str dataset);
const struct sm_model_var *sm_model_ds_var(const struct sm_model_ds *d, struct sm_str variable);
/* Is the variable a date/time by its values or name (--DTC)? */
bool sm_model_var_is_dtc(const struct sm_model_var *v);
#endif
