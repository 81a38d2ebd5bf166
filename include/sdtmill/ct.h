/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_CT_H
#define SDTMILL_CT_H
/* ct.h - controlled terminology: codelists of the mapping and of whole packages (NCI EVS
 * tab-delimited text, plain or gzip; NCI EVS ODM XML; our own XML). Loading indexes lists by name
 * and code; terms of a package list are indexed when the list is first asked for, all before
 * threads start. */
#include "sdtmill/arena.h"
#include "sdtmill/str.h"

struct sm_term {
    struct sm_str value, code, decode;
    const struct sm_str *synonym;
    uint32_t nsynonym;
    bool extended; /* the study's own term in an extended CDISC list */
};
struct sm_codelist {
    struct sm_str name, code, label;
    bool extensible, from_package, nonstandard;
    const struct sm_term *term;
    uint32_t nterm;
    const struct sm_ct_index *index; /* private */
};
struct sm_ct; /* all lists of a study */

int sm_ct_open(struct sm_ct **ret, struct sm_arena *a, struct sm_err *err) SM_MUST_CHECK;
void sm_ct_close(struct sm_ct *ct);
/* Says before a package is loaded that lists of this name or code may be asked for. After the first
 * such word the terms of all other lists of text packages stay in their file, which is read again
 * should one of them be asked for. */
int sm_ct_want(struct sm_ct *ct, struct sm_str name, struct sm_err *err) SM_MUST_CHECK;
bool sm_ct_is_wanted(const struct sm_ct *ct, struct sm_str name);
/* Loads a package file, told by content. Version (date) is kept for Define-XML if the file has one.
 */
int sm_ct_load(struct sm_ct *ct, const char *path, struct sm_err *err) SM_MUST_CHECK;
/* Adds the mapping's own list (wins over a package's of the same name). */
int sm_ct_add(struct sm_ct *ct, const struct sm_codelist *list, struct sm_err *err) SM_MUST_CHECK;
/* By name or NCI code; builds its index at first use (before threads). NULL if unknown. */
const struct sm_codelist *sm_ct_list(struct sm_ct *ct, struct sm_str name);
/* Nearest list name for messages; no value if none is near. */
struct sm_str sm_ct_nearest_list(const struct sm_ct *ct, struct sm_str name);
size_t sm_ct_count(const struct sm_ct *ct);
/* Version of the package that was loaded last ("2023-09-29"); no value if its file names none. */
struct sm_str sm_ct_version(const struct sm_ct *ct);

enum sm_ct_how { SM_CT_NONE, SM_CT_EXACT, SM_CT_NOCASE, SM_CT_SYNONYM, SM_CT_DECODE };
/* Finds the term for a collected value (order in /enum sm_ct_how/). Thread-safe. */
enum sm_ct_how sm_ct_find(const struct sm_codelist *l, struct sm_str value,
                          const struct sm_term **ret);
struct sm_str sm_ct_nearest_term(const struct sm_codelist *l, struct sm_str value);
#endif
