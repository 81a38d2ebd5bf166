/* SPDX-License-Identifier: MIT */
#include "emit_priv.h"

static const struct sm_emit_ops *const table[] = {
    &emit_csv,
    &emit_dsxml,
    &emit_xpt,
    &emit_json,
    &emit_ndjson,
    &emit_dsjc,
    &emit_define,
};

const struct sm_emit_ops *sm_emit_at(size_t i) {
    return i < SM_ARRAY_LEN(table) ? table[i] : NULL;
}

const struct sm_emit_ops *sm_emit_find(struct sm_str name) {
    for (size_t i = 0; i < SM_ARRAY_LEN(table); i++)
        if (sm_str_eq_c(name, table[i]->name)) return table[i];
    return NULL;
}
