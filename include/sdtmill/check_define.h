/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_CHECK_DEFINE_H
#define SDTMILL_CHECK_DEFINE_H
/* check_define.h - what the schema of Define-XML 2.1 does not see in a define.xml: references that
 * lead nowhere, definitions that nothing refers to, attributes that go with each other (lengths,
 * digits, methods of what is derived, sources of origins, code list standards). Files with a
 * document type are refused: nothing outside the file is ever read. Standard: Define-XML 2.1
 * section 5. */
#include "sdtmill/diag.h"

enum { SM_DEFINE_FINDINGS = 1000 }; /* listed; one more finding says how many there are */
/* Findings SM7004 (references) and SM7005 (rules) with name, line and OID are added to diags.
 * SM_EDATA with the place when the file is no well-formed XML or no Define-XML, SM_EIO, SM_ENOMEM.
 */
int sm_check_define(const char *path, struct sm_str name, struct sm_diags *diags,
                    struct sm_err *err) SM_MUST_CHECK;
#endif
