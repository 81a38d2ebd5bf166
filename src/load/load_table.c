/* SPDX-License-Identifier: MIT */
#include "load_priv.h"

/* The first that bids takes the file; CSV, which any text could be, comes last. */
static const struct sm_load_ops *const table[] = {&load_xpt_ops, &load_sas_ops, &load_dsxml_ops, &load_dsjson_ops, &load_csv_ops};

const struct sm_load_ops *sm_load_at(size_t i) { return i < SM_ARRAY_LEN(table) ? table[i] : NULL; }
