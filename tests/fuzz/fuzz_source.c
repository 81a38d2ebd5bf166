/* SPDX-License-Identifier: MIT */
/* Bytes of any kind as a raw file: the first byte chooses the declared encoding and the size of the
 * pieces; gzip and byte order marks are found in the rest. */
#include <stdint.h>
#include <stdlib.h>

#include "sdtmill/err.h"
#include "sdtmill/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const encodings[] = {"UTF-8",  "UTF-16",  "UTF-32",      "ISO-8859-1",
                                            "EUC-JP", "GB18030", "ISO-2022-JP", "UTF-7"};
    static char piece[70000];
    if (size < 1) return 0;
    struct sm_source_opts opts = {
        .encoding = encodings[data[0] & 7], .max_bytes = 1 << 22, .hash = data[0] & 8};
    size_t step = data[0] & 16 ? 1 : data[0] & 32 ? sizeof piece : 100, n = 1;
    struct sm_bytes *b = NULL;
    struct sm_err err = {0};
    char sha[65];
    struct sm_str rest = {(const char *)data + 1, size - 1};
    int rc = sm_bytes_open_memory(&b, rest, &opts, &err);
    while (!rc && n > 0) {
        rc = sm_bytes_read(b, piece, step, &n, &err);
        if (!rc && n > step) abort();
    }
    if (rc > 0 || (rc < 0 && err.code != rc)) abort();
    if (!rc && opts.hash && sm_bytes_sha256(b, sha, &err)) abort();
    sm_bytes_close(b);
    return 0;
}
