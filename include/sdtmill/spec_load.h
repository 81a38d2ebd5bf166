/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SPEC_LOAD_H
#define SDTMILL_SPEC_LOAD_H
/* spec_load.h - mapping XML to compiled spec.
 *
 * XML never reaches the network, a DTD or an entity; XInclude stays inside the mapping's own tree
 * and the shipped mappings. The shape is checked by RELAX NG (mapping.rng), the meaning here.
 * Mistakes are findings (SM2xxx) with file, line and column in `diags`; loading goes on as far as it
 * can, so that one run names all of them. */
#include "sdtmill/spec.h"

struct sm_spec_paths {
    const char *const *library;  /* folders of shipped mappings to search after the mapping's own tree */
    size_t nlibrary;
};
/* Returns SM_OK with *ret set even if notes and warnings were found; SM_ESPEC if any error was (the
 * findings say which). sm_spec_close frees everything. */
int sm_spec_load(struct sm_spec **ret, const char *path, const struct sm_spec_paths *paths, struct sm_texts *texts,
                 struct sm_diags *diags, struct sm_err *err) SM_MUST_CHECK;
void sm_spec_close(struct sm_spec *s);
/* Warnings and notes that need no data: never-used, never-fires, required-unmapped, expected-unmapped. */
void sm_spec_lint(const struct sm_spec *s, struct sm_diags *diags);
#endif
