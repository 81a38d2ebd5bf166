/* SPDX-License-Identifier: MIT */
/* Any bytes as a raw file of a small source: cutting, decoding, cleaning, repeats. The first byte
 * chooses dialect and chunk size. What is read in small chunks must be what is read in one. */
#include <stdint.h>

#include "rawspec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mark(void *ctx, uint32_t file, uint64_t record, enum sm_fate fate, uint16_t code) {
    struct sm_buf *out = ctx;
    sm_buf_printf(out, "%u %u %u %u\n", (unsigned)file, (unsigned)record, (unsigned)fate, code);
}

static void read_once(uint8_t how, const char *p, size_t n, size_t chunk, struct sm_buf *out) {
    static const struct {
        const char *encoding;
        char delimiter, quote;
    } kinds[] = {
        {"UTF-8", ',', '"'}, {"ISO-8859-1", ';', '"'}, {"UTF-16", '\t', '"'}, {"CP932", '|', '\''}};
    struct rawspec raw;
    if (!rawspec_open(&raw, "1 2:d 3:r 4:n 5:t")) abort();
    raw.file.header = how & 4 ? 1 : 0;
    raw.file.encoding = sm_str(kinds[how & 3].encoding);
    raw.file.delimiter = kinds[how & 3].delimiter;
    raw.file.quote = how & 8 ? '\0' : kinds[how & 3].quote;
    if (how & 16) raw.file.footer = SM_STR("END");
    if (how & 32) raw.column[1].required = true;
    raw.opts.chunk = chunk;
    raw.opts.max_record = 5000;
    raw.opts.max_field = 500;
    raw.opts.max_columns = 20;
    for (uint32_t i = 1; i < 5; i++)
        raw.column[i].optional = true;
    rawspec_key(&raw, "1 2", SM_DUPS_LAST_BY, "3");
    if (sm_dedup_open(&raw.dedup, &raw.spec, &raw.source, &raw.err)) abort();
    int rc = rawspec_read_n(&raw, p, n);
    if (rc > 0 || rc == SM_ESTATE || (rc < 0 && raw.err.code != rc)) abort();
    sm_buf_printf(out, "%d %s\n", rc, raw.err.text);
    sm_buf_add_str(out, sm_buf_str(&raw.rows));
    sm_buf_add_str(out, sm_buf_str(&raw.lost));
    if (sm_dedup_finish(raw.dedup, mark, out, &raw.diags, &raw.err)) abort();
    rawspec_findings(&raw, out);
    rawspec_close(&raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    struct sm_buf one, many;
    sm_buf_init(&one, 0);
    sm_buf_init(&many, 0);
    const char *p = (const char *)data + 1;
    read_once(data[0], p, size - 1, 1 << 20, &one);
    read_once(data[0], p, size - 1, data[0] & 64 ? 1 : 50, &many);
    if (!sm_str_eq(sm_buf_str(&one), sm_buf_str(&many))) abort();
    sm_buf_free(&one);
    sm_buf_free(&many);
    return 0;
}
