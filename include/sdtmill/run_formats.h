/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_RUN_FORMATS_H
#define SDTMILL_RUN_FORMATS_H
/* run_formats.h - `convert --from`: finished datasets of any format that can be read into any that
 * can be written. Names, labels, types, lengths, keys and the order of records are those of the
 * files; of the define.xml beside or above them for CSV and Dataset-XML; else of the standard. */
#include "sdtmill/model.h"
#include "sdtmill/run.h"

struct sm_formats_opts {
    const char *from;        /* a folder, or one file */
    const char *from_format; /* take only files of this suffix; NULL = the one that says most */
    const struct sm_model *model; /* types where there are none, class and structure; may be NULL */
    const char *encoding;         /* of CSV and XPORT texts, as in load.h */
    bool open_end;                /* a CSV file without a line end at its end is whole */
};
/* Of run: out (NULL: nothing is written), formats, created, tmpdir, command, memory, force,
 * transliterate, split_size, dsjc_gzip, progress, stopped. The ledger has a row for each file read. */
int sm_run_formats(const struct sm_formats_opts *o, const struct sm_run_opts *run,
                   struct sm_diags *diags, struct sm_run_result *ret,
                   struct sm_err *err) SM_MUST_CHECK;
#endif
